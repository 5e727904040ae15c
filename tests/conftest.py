import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import ROOT

# A busy machine is not a finding: time is measured in bench/.
settings.register_profile("krmfn", deadline=None)
settings.load_profile("krmfn")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Declarations of two machines whose token comes on a disk, in `in`: what `krmfn init` writes."""
    shutil.copytree(ROOT / "krmfn" / "commands" / "starter", tmp_path / "in")
    return tmp_path
