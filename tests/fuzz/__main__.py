"""Feed a target with what coverage suggests, from its corpus on: `python -m tests.fuzz function -max_total_time=600`."""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["krmfn"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    name, *options = sys.argv[1:]
    work = Path(__file__).parent / ".work" / name
    work.mkdir(parents=True, exist_ok=True)
    corpus = Path(__file__).parent / "corpus" / name
    words = Path(__file__).parent / "words.dict"
    atheris.Setup(
        [
            sys.argv[0],
            f"-dict={words}",
            f"-artifact_prefix={work}/failed-",
            *options,
            str(work),
            str(corpus),
        ],
        TARGETS[name],
    )
    atheris.Fuzz()
