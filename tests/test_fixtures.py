"""Every golden file is what krmfn renders today, in any order of its input."""

import base64
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from krmfn.commands.render import render
from tests.fixtures import cases, expected, released
from tests.support import FIXTURES, function, objects

FOLDERS = [case for case in cases() if (FIXTURES / case / "config.yaml").exists()]


@pytest.mark.parametrize("case", [*cases(), *released()])
def test_output_is_as_promised(case: str) -> None:
    assert expected(case) == (FIXTURES / case / "expected.yaml").read_text()


@pytest.mark.parametrize("case", FOLDERS)
def test_order_of_files_never_matters(case: str) -> None:
    folder = FIXTURES / case
    paths = [str(path) for path in sorted(folder.glob("*.yaml")) if path.name != "expected.yaml"]
    for seed in range(3):
        Random(seed).shuffle(paths)
        assert (
            render(paths, str(folder / "config.yaml")).stdout
            == (folder / "expected.yaml").read_text()
        )


def test_a_run_on_its_own_output_changes_nothing() -> None:
    once = function((FIXTURES / "package" / "input.yaml").read_text()).stdout
    assert function(once).stdout == once


@pytest.mark.parametrize("case", FOLDERS)
def test_secrets_read_alike_in_both_encodings(case: str, tmp_path: Path) -> None:
    encoded, plain = (
        rendered_with(case, encoding, tmp_path) for encoding in ("data", "stringData")
    )
    secrets = 0
    for one, other in zip(encoded, plain, strict=True):
        if one["kind"] == "Secret":
            secrets += 1
            decoded = {
                key: base64.b64decode(value, validate=True).decode()
                for key, value in one.pop("data").items()
            }
            assert decoded == other.pop("stringData")
            assert decoded.keys() <= {"userdata", "networkdata"}
            user_data = decoded.get("userdata", "#cloud-config\n")
            assert user_data.startswith("#cloud-config\n")
        assert one == other
    assert secrets


def rendered_with(case: str, encoding: str, folder: Path) -> list[dict[str, Any]]:
    """Render a fixture, with another `secretEncoding` in its config."""
    paths = [str(path) for path in (FIXTURES / case).glob("*.yaml") if path.name != "expected.yaml"]
    config = yaml.safe_load((FIXTURES / case / "config.yaml").read_text())
    settings = config["data"] if config["kind"] == "ConfigMap" else config["spec"]
    settings["secretEncoding"] = encoding
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    paths.remove(str(FIXTURES / case / "config.yaml"))
    reply = render(paths, str(file))
    assert reply.code == 0, reply.stderr
    return objects(reply.stdout)
