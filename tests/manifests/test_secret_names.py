"""A Secret's name says whose it is, by one ending."""

import pytest

from krmfn.manifests.secret_names import owner_of_secret


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("node-1-cloud-init", "node-1"),
        ("tenant-1-workers-0-network", "tenant-1-workers-0"),
        # A claim's own name may end as a Secret's: only the last end is krmfn's.
        ("edge-network-cloud-init", "edge-network"),
        ("edge-cloud-init-network", "edge-cloud-init"),
        ("node-1", "node-1"),
    ],
)
def test_the_owner_of_a_secret(name: str, owner: str) -> None:
    assert owner_of_secret(name) == owner
