"""Write the Homebrew formula of a release: `python tools/homebrew.py dist/krmfn-X.Y.Z.tar.gz`.

The libraries are those of the lock file, each held to its hash.
"""

import hashlib
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_FORMULA = """\
class Krmfn < Formula
  include Language::Python::Virtualenv

  desc "{description}"
  homepage "{homepage}"
  url "{source}/releases/download/v{version}/krmfn-{version}.tar.gz"
  sha256 "{sha256}"
  license "{license}"

  depends_on "rust" => :build
  depends_on "libyaml"
  depends_on "python@3.13"

{resources}
  def install
    virtualenv_install_with_resources
    generate_completions_from_executable(bin/"krmfn", shell_parameter_format: :click)
  end

  test do
    system bin/"krmfn", "init", testpath/"nodes"
    assert_match "tenant-1-workers-0", shell_output("#{{bin}}/krmfn plan #{{testpath}}/nodes")
  end
end
"""
_RESOURCE = """\
  resource "{name}" do
    url "{url}"
    sha256 "{sha256}"
  end
"""


def formula(archive: Path) -> str:
    """Return the formula of a source distribution."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    packages = {package["name"]: package for package in locked}
    resources = [_resource(packages[name]) for name in sorted(_needed("krmfn", packages))]
    return _FORMULA.format(
        description=project["description"].rstrip("."),
        homepage=project["urls"]["Documentation"],
        source=project["urls"]["Source"],
        version=project["version"],
        sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        license=project["license"],
        resources="\n".join(resources),
    )


def _needed(name: str, packages: dict[str, Any]) -> set[str]:
    """Return the packages that one needs to run on macOS and Linux, at any depth."""
    needed: set[str] = set()
    waiting = [name]
    while waiting:
        for dependency in packages[waiting.pop()].get("dependencies", []):
            is_windows = "win32" in dependency.get("marker", "")
            if not is_windows and dependency["name"] not in needed:
                needed.add(dependency["name"])
                waiting.append(dependency["name"])
    return needed


def _resource(package: dict[str, Any]) -> str:
    """Write one library, from its source distribution."""
    source = package["sdist"]
    digest = source["hash"].removeprefix("sha256:")
    return _RESOURCE.format(name=package["name"], url=source["url"], sha256=digest)


if __name__ == "__main__":
    sys.stdout.write(formula(Path(sys.argv[1])))
