"""Write the expected output of every fixture anew: `make fixtures`. Read the diff: each golden file is a promise to users."""

from tests.support import FIXTURES, function, krmfn


def expected(case: str) -> str:
    """What krmfn makes of a fixture's folder today."""
    folder = FIXTURES / case
    if (folder / "input.yaml").exists():
        return function((folder / "input.yaml").read_text()).stdout
    return krmfn("render", str(folder), "--config", str(folder / "config.yaml")).stdout


def cases() -> list[str]:
    """The fixtures by name."""
    return sorted(
        folder.name
        for folder in FIXTURES.iterdir()
        if folder.is_dir() and folder.name != "released"
    )


def released() -> list[str]:
    """The cases that releases rendered, which are never written anew."""
    return sorted(
        str(folder.relative_to(FIXTURES)) for folder in (FIXTURES / "released").glob("v*/*")
    )


if __name__ == "__main__":
    for name in cases():
        (FIXTURES / name / "expected.yaml").write_text(expected(name))
