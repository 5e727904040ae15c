"""The form of all that krmfn prints as JSON for programs."""

from __future__ import annotations

import json
from typing import Any

from krmfn.platform.config import API_VERSION


def document(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return an object with the API version and the kind that tell programs its form."""
    return {"apiVersion": API_VERSION, "kind": kind, **fields}


def json_text(document: dict[str, Any]) -> str:
    """Write an object for programs."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
