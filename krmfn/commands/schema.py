"""`krmfn schema [KIND]`: JSON Schema of what users write, for editors."""

from __future__ import annotations

import json

from krmfn.commands.reply import DONE, Reply
from krmfn.platform.schemas import schema_of


def schema(name: str | None) -> Reply:
    """Print the schema of a kind or of `vcluster.yaml`; without a name, that of any document."""
    text = json.dumps(schema_of(name), indent=2, ensure_ascii=False)
    return Reply(f"{text}\n", (), DONE)
