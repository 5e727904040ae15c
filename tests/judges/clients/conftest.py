from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.judges.clients.cmp_server import Server


@pytest.fixture
def cmp_server() -> Iterator[Callable[..., Server]]:
    """Starts an argocd-cmp-server with a plugin.yaml (its text) and variables of the sidecar; it ends with the test."""
    with ExitStack() as running:

        def start(plugin: str, env: Mapping[str, str] | None = None) -> Server:
            return running.enter_context(Server(plugin, env))

        yield start
