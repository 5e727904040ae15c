"""The real cloud-init of a Debian root runs krmfn's user data and joins a TLS endpoint."""

import re
import shlex
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from krmfn.guest.join import Join
from tests.fixtures import cases
from tests.judges.system import test_guest_files
from tests.judges.system.guest_root import (
    KUBELET_FILES,
    TOKEN,
    Answer,
    Authority,
    Boot,
    Endpoint,
    Guest,
    guests,
    serving,
    user_data,
)
from tests.support import CERTIFICATE

pytestmark = pytest.mark.system
REQUEST = f"/node/join?token={TOKEN}"
MOUNTED = ["-o ro /dev/disk/by-label/krmfn-join disk", "umount disk"]


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    with guests() as path:
        yield path


@pytest.fixture
def guest(folder: Path) -> Guest:
    return Guest(folder)


@pytest.fixture
def endpoint(authority: Authority) -> Iterator[Endpoint]:
    endpoint = Endpoint()
    with serving(endpoint, authority.tls):
        yield endpoint


@pytest.fixture
def join(endpoint: Endpoint, authority: Authority) -> Join:
    return Join(endpoint.url, TOKEN, "file", authority.pem)


@pytest.fixture
def by_disk(join: Join) -> str:
    return user_data("node-1", replace(join, token="", disk="join", file="token"))


def joins(guest: Guest) -> list[str]:
    """The arguments of each join script that ran."""
    return guest.lines("var/log/joined/arguments")


def assert_joined(guest: Guest, boot: Boot, *claims: str) -> None:
    """The join script of each claim ran once, under its host name, and what a join leaves is there."""
    assert joins(guest) == [f"--node-name {claim}" for claim in claims], boot
    assert guest.lines("var/log/joined/facts") == [f"{claim} /root" for claim in claims]
    assert re.fullmatch(r"[0-9a-f]{64}  -\n", guest.path("var/lib/krmfn/joined").read_text())
    assert {path.name for path in guest.path("run/krmfn").iterdir() if path.is_file()} - {
        "ca.crt"
    } == {"join.sh", "settings"}


def test_first_boot(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    boot = guest.boot(user_data("node-1", join))
    assert boot.stages == ["0"] * 4
    assert boot.systemctl[:2] == ["daemon-reload", "start --no-block krmfn-join.service"]
    assert_joined(guest, boot, "node-1")
    assert endpoint.requests == [REQUEST]
    assert (boot.pauses, boot.mounts) == ([], [])
    assert boot.said == f"node-1 has joined {endpoint.url}\n"


def test_token_is_for_root_alone(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    text = user_data("node-1", join, ["--max-pods=50"])
    # The power goes while token and script still lie in /run; then the node joins.
    for answer, left in ((Answer(200, "exit 3"), {"token", "script"}), (Answer(), set())):
        endpoint.answers = [answer]
        guest.boot(text, pauses=2)
        files = [
            path for path in guest.path("").rglob("*") if path.is_file() and not path.is_symlink()
        ]
        ours = [path for path in files if path.parent == guest.path("run/krmfn")]
        holders = [path for path in files if TOKEN.encode() in path.read_bytes()]
        assert {path.name for path in ours} == {"ca.crt", "join.sh", "settings"} | left
        assert [
            path
            for path in [*holders, *ours, guest.path("run/krmfn")]
            if path.stat().st_mode & 0o077
        ] == []
    seen = endpoint.processes + guest.lines("var/log/joined/processes")
    assert len([command for command in seen if command.startswith("curl ")]) == 3
    assert not [command for command in seen if TOKEN in command]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(503, "busy\x1b[31m\n"), "the endpoint answered with status 503: busy [31m"),
        (Answer(200, ""), "the endpoint answered with status 200: "),
        (Answer(200, "exit 3"), "the join script failed"),
        (
            Answer(
                200, "mkdir -p /var/log/joined\necho cut >/var/log/joined/arguments\n", missing=9
            ),
            "the download failed",
        ),
    ],
)
def test_joins_at_the_third_try(
    guest: Guest, endpoint: Endpoint, join: Join, answer: Answer, said: str
) -> None:
    endpoint.answers = [answer, answer, Answer()]
    boot = guest.boot(user_data("node-1", join))
    assert_joined(guest, boot, "node-1")
    assert endpoint.requests == [REQUEST] * 3
    assert boot.pauses == ["5", "10"]
    assert boot.said.count(said) == 2
    assert f"node-1 has not joined {endpoint.url}; the next try follows in 5 s\n" in boot.said


@pytest.mark.parametrize(
    ("answer", "change", "said", "requests"),
    [
        (Answer(503), {}, "the endpoint answered with status 503: ", 6),
        (
            Answer(),
            {"token": "guest0.ffffffffffffffff"},
            "the endpoint answered with status 401: unknown token",
            6,
        ),
        (
            Answer(401, f"no such token: {TOKEN}"),
            {},
            "the endpoint answered with status 401: (the reply repeats the token)",
            6,
        ),
        # Of another authority: the endpoint is never told the token.
        (Answer(), {"pem": CERTIFICATE}, "the download failed\n", 0),
        (Answer(), {"authority": "system", "pem": ""}, "the download failed\n", 0),
    ],
)
def test_tries_for_ever(
    guest: Guest,
    endpoint: Endpoint,
    join: Join,
    answer: Answer,
    change: dict[str, str],
    said: str,
    requests: int,
) -> None:
    endpoint.answers = [answer]
    changed = replace(join, **change)
    boot = guest.boot(user_data("node-1", changed), pauses=6)
    assert boot.pauses == ["5", "10", "20", "40", "60", "60"]
    assert (boot.said.count(said), endpoint.connections, len(endpoint.requests)) == (6, 6, requests)
    assert changed.token not in boot.said
    assert (joins(guest), guest.path("var/lib/krmfn").exists()) == ([], False)


def test_unchecked_endpoint(guest: Guest, endpoint: Endpoint) -> None:
    assert_joined(
        guest, guest.boot(user_data("node-1", Join(endpoint.url, TOKEN, "none"))), "node-1"
    )


def test_no_redirect_leaves_tls(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    plain = Endpoint()
    with serving(plain, None):
        # The first is followed: it is http that is refused, not a redirect.
        endpoint.answers = [
            Answer(307, location=f"{url}{REQUEST}") for url in (endpoint.url, plain.url)
        ]
        boot = guest.boot(user_data("node-1", join), pauses=1)
    assert endpoint.requests == [REQUEST] * 2
    assert (plain.connections, joins(guest)) == (0, [])
    assert "the download failed\n" in boot.said


def test_failing_commands_of_the_user(guest: Guest, join: Join) -> None:
    boot = guest.boot(
        user_data("node-1", join) + "- exit 4\nruncmd:\n- echo ran >/var/log/own\n- exit 3\n"
    )
    assert boot.stages == ["0", "1", "0", "1"]
    assert guest.lines("var/log/own") == ["ran"]
    assert_joined(guest, boot, "node-1")


def test_a_reboot_joins_no_second_time(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    guest.boot(user_data("node-1", join))
    # The Secret may hold another token by then.
    boot = guest.boot(user_data("node-1", replace(join, token="guest1.0123456789abcdef")))
    assert boot.systemctl[:2] == ["daemon-reload", "start --no-block krmfn-join.service"]
    assert (endpoint.requests, boot.said) == ([REQUEST], "")
    assert_joined(guest, boot, "node-1")


def test_a_clone_joins_as_its_own_claim(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    guest.boot(user_data("node-1", join))
    assert_joined(
        guest, guest.boot(user_data("node-2", join), instance="second"), "node-1", "node-2"
    )
    assert endpoint.requests == [REQUEST] * 2


def test_kubelet_arguments_are_there_before_the_join(guest: Guest, join: Join) -> None:
    arguments = [
        "--max-pods=50",
        "--node-labels=a/b=c,d=",
        "--register-with-taints=a=b:NoSchedule,c=:NoExecute",
    ]
    guest.write(
        KUBELET_FILES[1], 'FIRST="1"\n#KUBELET_EXTRA_ARGS=\nKUBELET_EXTRA_ARGS=--image=1\nLAST=2'
    )
    guest.boot(user_data("node-1", join, arguments))
    own, image = (
        f'KUBELET_EXTRA_ARGS="{" ".join([*first, *arguments])}"' for first in ([], ["--image=1"])
    )
    found = [guest.lines(f"var/log/joined/{file}") for file in KUBELET_FILES]
    assert found == [[own], ['FIRST="1"', "#KUBELET_EXTRA_ARGS=", "LAST=2", image], [own]]


# Of several lines the first counts: no other reaches curl's configuration.
@pytest.mark.parametrize("ending", ["\n", "", '\noutput = "/var/log/joined/arguments"\n'])
def test_token_on_a_disk(guest: Guest, endpoint: Endpoint, by_disk: str, ending: str) -> None:
    guest.write("opt/disk/token", TOKEN + ending)
    boot = guest.boot(by_disk)
    assert_joined(guest, boot, "node-1")
    assert boot.mounts == MOUNTED
    shutil.rmtree(guest.path("opt/disk"))
    again = guest.boot(by_disk)
    assert (again.mounts, again.said, endpoint.requests) == ([], "", [REQUEST])


@pytest.mark.parametrize(
    "held",
    [
        None,
        "",
        f'{TOKEN}"',
        f'{TOKEN}"\noutput = "/x',
        f"\n{TOKEN}",
        f"{TOKEN}\r\n",
        f"{TOKEN}&type=control-plane",
    ],
)
def test_what_is_no_token_is_never_sent(
    guest: Guest, endpoint: Endpoint, by_disk: str, held: str | None
) -> None:
    if held is not None:
        guest.write("opt/disk/token", held)
    boot = guest.boot(by_disk, pauses=3)
    said = (
        "the disk with the token can't be mounted\n"
        if held is None
        else "there is no token, or what is there is none\n"
    )
    assert boot.said.count(said) == 3
    assert TOKEN not in boot.said
    assert (boot.pauses, boot.mounts) == (
        ["5", "10", "20"],
        MOUNTED[: 1 if held is None else 2] * 3,
    )
    assert (endpoint.connections, joins(guest)) == (0, [])


@cache
def texts() -> dict[str, str]:
    return test_guest_files.user_data()


@pytest.mark.parametrize("case", cases())
def test_fixture_joins(guest: Guest, endpoint: Endpoint, authority: Authority, case: str) -> None:
    """Of each fixture the longest user data, which has the most settings: its endpoint's host, its token and its CA are replaced, no more."""
    name, text = max(
        (item for item in texts().items() if item[0].startswith(f"{case}/")),
        key=lambda item: len(item[1]),
    )
    settings = text.partition("/run/krmfn/settings <<'KRMFN_END'\n")[2].partition("KRMFN_END")[0]
    values = dict(setting.split("=", 1) for setting in shlex.split(settings))
    text = text.replace("/".join(values["endpoint"].split("/")[:3]), endpoint.url)
    text = re.sub(r"(?m)^  [a-z0-9]{6}\.[a-z0-9]{16}$", f"  {TOKEN}", text)
    text = re.sub(
        r"(?s)  -----BEGIN .*-----END CERTIFICATE-----\n",
        textwrap.indent(authority.pem, "  "),
        text,
    )
    if values["authority"] == "system":
        guest.write("etc/ssl/certs/ca-certificates.crt", authority.pem)
    if "token_file" in values:
        guest.write(f"opt/disk/{values['token_file']}", TOKEN)
    assert_joined(
        guest, guest.boot(text), name.removeprefix(f"{case}/").removesuffix("-cloud-init")
    )
    assert len(endpoint.requests) == 1
    arguments = values.get("kubelet_arguments")
    for file in KUBELET_FILES:
        assert guest.lines(f"var/log/joined/{file}") == (
            [f'KUBELET_EXTRA_ARGS="{arguments}"'] if arguments else []
        )
