"""The built site on a local web server, below a path as on a project's page."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.support import ROOT

_TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm"}


class Site:
    """A built site; `address` is that of its first page, `asked` the paths that were asked for."""

    def __init__(self, folder: Path, port: int, asked: list[str]) -> None:
        self.folder = folder
        self.address = f"http://127.0.0.1:{port}/krmfn/"
        self.asked = asked

    @property
    def pages(self) -> list[str]:
        """The addresses of all pages."""
        files = sorted(self.folder.rglob("*.html"))
        return [
            self.address + str(file.relative_to(self.folder)).removesuffix("index.html")
            for file in files
        ]


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """Serve a folder to every origin, and give the port and the paths that are asked for."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | _TYPES

        def end_headers(self) -> None:
            self.send_header("Access-Control-Allow-Origin", "*")
            super().end_headers()

        def log_message(self, form: str, *arguments: object) -> None:
            asked.append(self.path)

    handler = partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def built_site(folder: Path) -> Iterator[Site]:
    """Build the site into a folder, and serve it."""
    target = folder / "krmfn"
    build = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(target)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    with serving(folder) as (port, asked):
        yield Site(target, port, asked)
