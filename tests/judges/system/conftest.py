from collections.abc import Iterator

import pytest

from tests.judges.system.browser import Browser, running_browser
from tests.judges.system.guest_root import Authority
from tests.judges.system.site_server import Site, built_site


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests of a process; `open` forgets what the test before saw."""
    with running_browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The built site, on a local web server."""
    with built_site(tmp_path_factory.mktemp("site")) as built:
        yield built
