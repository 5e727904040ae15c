"""The form of all that krmfn prints as JSON for programs."""

from __future__ import annotations

import json
from typing import Any

from krmfn.platform.config import API_VERSION


def json_text(kind: str, fields: dict[str, Any]) -> str:
    """Write an object with the API version and the kind that tell programs its form."""
    document = {"apiVersion": API_VERSION, "kind": kind, **fields}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
