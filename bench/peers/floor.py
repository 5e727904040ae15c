"""The floor: what text alone costs. Finds the claims' names by a regular expression, checks nothing, and joins templates."""

import base64
import re
import sys
from pathlib import Path

_NAMES = re.compile(
    r"^- apiVersion: management\.loft\.sh/v1\n  kind: NodeClaim\n  metadata:\n    name: (\S+)$",
    re.MULTILINE,
)


def main() -> None:
    """Print the items and what is made of them."""
    manifests, user_data = (Path(file).read_text() for file in sys.argv[1:3])
    parts = manifests.replace("USERDATA", "NAME").split("NAME")
    hole = manifests.replace("USERDATA", "\0").replace("NAME", "\1")
    order = [mark == "\0" for mark in hole if mark in "\0\1"]
    text = sys.stdin.read()
    made = [text, "---\n"]
    for name in _NAMES.findall(text):
        encoded = base64.b64encode(user_data.replace("NAME", name).encode()).decode()
        for part, is_data in zip(parts, order, strict=False):
            made += (part, encoded if is_data else name)
        made.append(parts[-1])
        made.append("---\n")
    sys.stdout.write("".join(made))


if __name__ == "__main__":
    main()
