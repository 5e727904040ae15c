"""A hook of MkDocs: links that leave docs/ lead to the repository, where those files are."""

import re
from pathlib import Path
from posixpath import join, normpath
from typing import Any

ROOT = Path(__file__).parent.parent
_LINK = re.compile(r"(?<=\]\()[^)#\s:]+(?=[)#])")


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Return the text of a page with addresses of the repository instead of paths into it."""
    folder = join("docs", page.file.src_uri, "..")

    def address(match: re.Match[str]) -> str:
        path = normpath(join(folder, match[0]))
        if path.startswith("docs/") or not (ROOT / path).exists():
            return match[0]
        form = "tree" if (ROOT / path).is_dir() else "blob"
        return f"{config.repo_url}/{form}/main/{path}"

    return _LINK.sub(address, markdown)
