"""No message repeats a join token or a private key, wherever a user wrote it."""

import pytest

from tests.support import (
    CLAIM,
    PROVIDER,
    SECRET,
    TOKEN,
    changed,
    function,
    resource_list,
)


@pytest.mark.parametrize(
    "field",
    ["metadata.name", "spec.providerRef", "spec.typeRef", "spec.vClusterRef", "spec.displayName"],
)
def test_a_token_in_the_wrong_place_is_in_no_message(field: str) -> None:
    for value in (
        TOKEN,
        f"x {TOKEN} " + "y" * 200,
        "z" * 70 + TOKEN,
        f"https://a/node/join?token={TOKEN}",
        f"https://a/node/join?token={TOKEN.replace('.', '%2e')}",
        f"https://a/node/join?token={TOKEN.replace('.', '%2E')}",
    ):
        done = function(
            resource_list(
                PROVIDER, changed(changed(CLAIM, field, value), "spec.controlPlane", 1), SECRET
            )
        )
        assert done.code == 1
        assert TOKEN[:6] not in done.stderr
        assert TOKEN[7:-1] not in done.stderr


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
def test_a_private_key_in_the_wrong_place_is_in_no_message(kind: str) -> None:
    key = f"-----BEGIN {kind}-----\nc2VjcmV0\n-----END {kind}-----"
    done = function(resource_list(PROVIDER, changed(CLAIM, "spec.typeRef", key), SECRET))
    assert 'spec.typeRef: is "******"; the provider has small' in done.stderr
    assert "c2VjcmV0" not in done.stderr
    assert "PRIVATE KEY" not in done.stderr


def test_half_a_token_at_the_end_of_a_long_key_is_in_no_message() -> None:
    key = "z" * 70 + TOKEN + "z" * 20
    done = function(resource_list(PROVIDER, changed(CLAIM, "spec.properties", {key: 1}), SECRET))
    assert f"spec.properties[{'z' * 70}******" in done.stderr
    assert TOKEN[:6] not in done.stderr
