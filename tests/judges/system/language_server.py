"""The server that editors ask about YAML, driven over its standard streams (Language Server Protocol)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support import TOOLS

PROGRAM = TOOLS.parent / "editor" / "node_modules" / ".bin" / "yaml-language-server"
CURSOR = "<cursor>"
# What the server would look for on the network.
_SETTINGS = {"schemaStore": {"enable": False}, "kubernetesCRDStore": {"enable": False}}


class LanguageServer:
    """An editor's session with yaml-language-server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [PROGRAM, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._last = 0
        self._opened = 0
        self._diagnostics: dict[str, list[dict[str, Any]]] = {}
        self._ask("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": {}})
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": {"yaml": _SETTINGS}})

    def __enter__(self) -> LanguageServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def open(self, text: str) -> str:
        """Open a document; return its address."""
        self._opened += 1
        address = (self._folder / f"document-{self._opened}.yaml").as_uri()
        document = {"uri": address, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        return address

    def complaints(self, text: str) -> list[str]:
        """What is marked in a document: `line: message`, lines from 1."""
        address = self.open(text)
        while address not in self._diagnostics:
            self._take()
        return [
            f"{found['range']['start']['line'] + 1}: {found['message']}"
            for found in self._diagnostics[address]
        ]

    def completions(self, text: str) -> dict[str, str]:
        """What is proposed at the cursor of a document, each with its explanation."""
        answer = self._at_mark("completion", text)
        items = answer["items"] if isinstance(answer, dict) else answer
        return {item["label"]: _words(item.get("documentation", "")) for item in items}

    def hover(self, text: str) -> str:
        """What is shown of the word at the cursor of a document."""
        answer = self._at_mark("hover", text)
        return _words(answer["contents"]) if answer else ""

    def _at_mark(self, what: str, text: str) -> Any:
        before, after = text.split(CURSOR)
        document = {"textDocument": {"uri": self.open(before + after)}}
        lines = before.split("\n")
        position = {"line": len(lines) - 1, "character": len(lines[-1])}
        return self._ask(f"textDocument/{what}", {**document, "position": position})

    def _ask(self, method: str, params: Any) -> Any:
        self._last += 1
        self._send({"id": self._last, "method": method, "params": params})
        while True:
            message = self._take()
            if message.get("id") == self._last and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _take(self) -> dict[str, Any]:
        """The next message; what the server asks is answered, and what it marks is kept."""
        message = self._receive()
        method, params = message.get("method"), message.get("params", {})
        if method == "textDocument/publishDiagnostics":
            self._diagnostics[params["uri"]] = params["diagnostics"]
        elif method == "workspace/configuration":
            answers = [_SETTINGS if item["section"] == "yaml" else None for item in params["items"]]
            self._send({"id": message["id"], "result": answers})
        elif "id" in message and method:
            self._send({"id": message["id"], "result": None})
        return message

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the server has ended"
        return dict(json.loads(self._process.stdout.read(length)))


def _words(contents: Any) -> str:
    return contents if isinstance(contents, str) else str(contents["value"])
