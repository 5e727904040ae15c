"""The parser of YAML: PyYAML's on libyaml, or in Python alone where PyYAML has no libyaml.

Both give the same documents (tests/manifests/test_parsers.py says where they differ). The one in
Python is some fifteen times slower, and words its errors otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from yaml.reader import Reader
from yaml.scanner import Scanner

_SURROGATES = range(0xD800, 0xE000)


class PythonParser(Reader, Scanner, yaml.parser.Parser):
    """PyYAML's parser in Python, with the interface of the one on libyaml.

    Raises:
        yaml.YAMLError: The text has characters that YAML does not allow.
    """

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)

    def scan_flow_scalar(self, style: str) -> Any:
        """Refuse escapes that stand for no character, as libyaml does."""
        start = self.get_mark()
        try:
            token = super().scan_flow_scalar(style)
        except (ValueError, OverflowError):
            token = None
        if token is None or any(ord(char) in _SURROGATES for char in token.value):
            context = "while parsing a quoted scalar"
            message = "found invalid Unicode character escape code"
            raise yaml.scanner.ScannerError(context, start, message, start)
        return token


if TYPE_CHECKING:
    Parser = PythonParser
else:
    try:
        from yaml.cyaml import CParser as Parser
    except ImportError:
        # PyYAML was built without libyaml, or runs in a browser.
        Parser = PythonParser
