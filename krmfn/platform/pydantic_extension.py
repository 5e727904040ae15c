"""pydantic-core's compiled part, without its types of schemas.

Its package makes a hundred TypedDicts for type checkers when it is imported, which takes a sixth of
a run for one claim.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pydantic_core as extension
else:
    _PACKAGE = "pydantic_core"

    def _extension() -> Any:
        """Import the compiled module from a package that has its place alone.

        Whoever imports the package afterwards gets the real one, with the same compiled module.
        """
        spec = find_spec(_PACKAGE)
        if _PACKAGE in sys.modules or spec is None or not spec.submodule_search_locations:
            return importlib.import_module(_PACKAGE)
        package = sys.modules[_PACKAGE] = ModuleType(_PACKAGE)
        package.__path__ = spec.submodule_search_locations
        try:
            return importlib.import_module(f"{_PACKAGE}._{_PACKAGE}")
        finally:
            del sys.modules[_PACKAGE]

    extension = _extension()

SchemaError = extension.SchemaError
SchemaValidator = extension.SchemaValidator
ValidationError = extension.ValidationError
