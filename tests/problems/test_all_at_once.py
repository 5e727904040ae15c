"""A misspelt field hides no problem of another object, nor of the rest of its own."""

from pathlib import Path

import pytest

from tests.support import krmfn

TYPOS = [
    ("nodes.yaml", "endpoint:", "endpont:"),
    ("provider.yaml", "guest:", "geust:"),
    ("provider.yaml", "maxCapacity: 20", "maxCapcity: 1"),
    ("tenant-1.yaml", "quantity:", "quantty:"),
]


@pytest.mark.parametrize("without", range(len(TYPOS) + 1))
def test_typos_in_three_files_are_reported_at_once(without: int, tmp_path: Path) -> None:
    assert krmfn("init", "nodes", cwd=tmp_path).returncode == 0
    typos = [typo for number, typo in enumerate(TYPOS) if number != without]
    for name, right, wrong in typos:
        file = tmp_path / "nodes" / name
        file.write_text(file.read_text().replace(right, wrong))
    done = krmfn("plan", "nodes", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    for name, right, wrong in typos:
        [line] = [line for line in lines if f".{wrong.partition(':')[0]}: is an unknown" in line]
        assert line.startswith(f"error: nodes/{name}:")
        assert f'(did you mean "{right.partition(":")[0]}"?)' in line
    # What follows from a typo alone is not told: a pool of too many nodes, no endpoint.
    assert len(lines) == len(typos)
