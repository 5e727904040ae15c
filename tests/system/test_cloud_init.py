"""krmfn's user data, run by the real cloud-init of a Debian root, joins a TLS endpoint: what a guest does, short of a machine."""

import re
import shlex
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from krmfn.guest.credentials import Join
from krmfn.guest.userdata import user_data
from tests.fixtures import cases
from tests.system import test_guest_files
from tests.system.guest_root import KUBELET_FILES, SCRIPT, TOKEN, Answer, Authority, Boot, Endpoint, Guest, guests, serving

pytestmark = pytest.mark.system
MARKER = "var/lib/krmfn/joined"


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    with guests() as path:
        yield path


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


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


def assert_joined(guest: Guest, boot: Boot, *claims: str) -> None:
    """The join script of each claim ran, once, and what a join leaves is there."""
    assert guest.joins() == [f"--node-name {claim}" for claim in claims], boot
    assert guest.lines("var/log/joined/hostname") == [claims[-1]]
    assert re.fullmatch(r"[0-9a-f]{64}  -\n", guest.path(MARKER).read_text())
    assert sorted(path.name for path in guest.path("run/krmfn").iterdir() if path.is_file()) == ["ca.crt", "join.sh", "settings"]


def test_first_boot(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    boot = guest.boot(user_data("node-1", join, ["--max-pods=50"]))
    assert boot.stages == ["0"] * 4
    assert boot.systemctl == ["daemon-reload", "start --no-block krmfn-join.service"]
    assert_joined(guest, boot, "node-1")
    assert [(request.path, request.token) for request in endpoint.requests] == [("/node/join", TOKEN)]
    assert guest.lines("var/log/joined/home") == ["/root"]
    assert (boot.pauses, boot.mounts) == ([], [])
    assert boot.said == f"node-1 has joined {endpoint.url}\n"


def test_token_is_for_root_alone(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    endpoint.answers = [Answer(503, ""), Answer(503, "")]
    # The power goes while the token still lies in /run.
    guest.boot(user_data("node-1", join, ["--max-pods=50"]), pauses=1)
    assert guest.lines("run/krmfn/token") == [TOKEN]
    holders = assert_private(guest)
    assert guest.path("run/krmfn/token") in holders
    endpoint.answers = [Answer()]
    assert_joined(guest, guest.boot(user_data("node-1", join, ["--max-pods=50"])), "node-1")
    assert_private(guest)
    seen = [command for request in endpoint.requests for command in request.processes] + guest.lines("var/log/joined/processes")
    assert any(command.startswith("curl ") for command in seen)
    assert not [command for command in seen if TOKEN in command]


def assert_private(guest: Guest) -> list[Path]:
    """Only root may read what holds the token and what krmfn wrote; gives the holders."""
    holders = [path for path in guest.files() if TOKEN.encode() in path.read_bytes()]
    written = [path for path in (guest.path("run/krmfn"), *guest.path("run/krmfn").iterdir(), *map(guest.path, KUBELET_FILES)) if path.exists()]
    assert [path for path in holders + written if path.stat().st_mode & 0o077] == []
    return holders


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([Answer(503, "busy\x1b[31m\n")] * 2, "the endpoint answered with status 503: busy [31m"),
        ([Answer(200, "")] * 2, "the endpoint answered with status 200: "),
        # A join script that fails is tried again; nothing else tells that the node did not join.
        ([Answer(200, "exit 3")] * 2, "the join script failed"),
        ([Answer(200, SCRIPT.split("\n")[0] + "\necho cut >/var/log/joined/arguments\n", missing=9)] * 2, "the download failed"),
    ],
)
def test_joins_at_the_third_try(guest: Guest, endpoint: Endpoint, join: Join, answers: list[Answer], said: str) -> None:
    endpoint.answers = [*answers, Answer()]
    boot = guest.boot(user_data("node-1", join))
    assert_joined(guest, boot, "node-1")
    assert len(endpoint.requests) == 3
    assert boot.pauses == ["5", "10"]
    assert boot.said.count(said) == 2
    assert f"node-1 has not joined {endpoint.url}; the next try follows in 5 s\n" in boot.said


def test_pauses_double_up_to_a_minute(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    endpoint.answers = [Answer(503, SCRIPT)]
    boot = guest.boot(user_data("node-1", join), pauses=6)
    assert boot.pauses == ["5", "10", "20", "40", "60", "60"]
    assert len(endpoint.requests) == 6
    assert not guest.joins()
    assert not guest.path(MARKER).exists()


@pytest.mark.parametrize(
    ("token", "reply", "said"),
    [
        ("guest0.ffffffffffffffff", SCRIPT, "status 401: unknown token guest0"),
        (TOKEN, f"{SCRIPT}{TOKEN}", "status 401: (the reply repeats the token)"),
    ],
)
def test_refused_token(guest: Guest, endpoint: Endpoint, join: Join, token: str, reply: str, said: str) -> None:
    endpoint.answers = [Answer(401, reply[-60:])]
    boot = guest.boot(user_data("node-1", Join(join.endpoint, token, "file", join.pem)), pauses=2)
    assert boot.said.count(said) == len(endpoint.requests) == 2
    assert token not in boot.said
    assert not guest.joins()


@pytest.mark.parametrize("kind", ["file", "system"])
def test_an_endpoint_of_another_authority_is_told_nothing(guest: Guest, endpoint: Endpoint, tmp_path: Path, kind: str) -> None:
    boot = guest.boot(user_data("node-1", Join(endpoint.url, TOKEN, kind, Authority(tmp_path).pem if kind == "file" else "")), pauses=2)
    assert "the download failed\n" in boot.said
    assert endpoint.connections == 2
    assert (endpoint.requests, guest.joins()) == ([], [])


def test_unchecked_endpoint(guest: Guest, endpoint: Endpoint) -> None:
    guest.boot(user_data("node-1", Join(endpoint.url, TOKEN, "none")), pauses=2)
    assert guest.joins() == ["--node-name node-1"]


def test_no_redirect_leaves_tls(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    plain = Endpoint()
    with serving(plain, None):
        # The first redirect is followed: what is refused is http, not redirects.
        endpoint.answers = [Answer(307, "", f"{endpoint.url}/again?token={TOKEN}"), Answer(307, "", f"{plain.url}/node/join?token={TOKEN}")]
        boot = guest.boot(user_data("node-1", join), pauses=1)
    assert [request.path for request in endpoint.requests] == ["/node/join", "/again"]
    assert (plain.connections, guest.joins()) == (0, [])
    assert "the download failed\n" in boot.said


def test_failing_commands_of_the_user(guest: Guest, join: Join) -> None:
    # After krmfn's own entry in bootcmd, since the user's document is merged behind it.
    own = "- exit 4\nruncmd:\n- echo ran >/var/log/own\n- exit 3\n"
    boot = guest.boot(user_data("node-1", join) + own)
    assert boot.stages != ["0"] * 4
    assert guest.lines("var/log/own") == ["ran"]
    assert_joined(guest, boot, "node-1")


def test_a_reboot_joins_no_second_time(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    guest.boot(user_data("node-1", join))
    # The Secret may hold another token by then.
    boot = guest.boot(user_data("node-1", Join(join.endpoint, "guest1.0123456789abcdef", "file", join.pem)))
    assert boot.systemctl == ["daemon-reload", "start --no-block krmfn-join.service"]
    assert len(endpoint.requests) == 1
    assert boot.said == ""
    assert_joined(guest, boot, "node-1")


def test_a_clone_joins_as_its_own_claim(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    guest.boot(user_data("node-1", join))
    boot = guest.boot(user_data("node-2", join), instance="second")
    assert len(endpoint.requests) == 2
    assert_joined(guest, boot, "node-1", "node-2")


def test_kubelet_arguments_are_there_before_the_join(guest: Guest, join: Join) -> None:
    arguments = ["--max-pods=50", "--node-labels=a/b=c,d=", "--register-with-taints=a=b:NoSchedule,c=:NoExecute"]
    guest.write(KUBELET_FILES[1], 'FIRST="1"\nKUBELET_EXTRA_ARGS=--old\n#KUBELET_EXTRA_ARGS=\nLAST=2')
    guest.boot(user_data("node-1", join, arguments))
    line = f'KUBELET_EXTRA_ARGS="{" ".join(arguments)}"\n'
    found = [guest.path(f"var/log/joined/{file}").read_text() for file in KUBELET_FILES]
    assert found == [line, f'FIRST="1"\n#KUBELET_EXTRA_ARGS=\nLAST=2\n{line}', line]


def by_disk(join: Join) -> str:
    return user_data("node-1", Join(join.endpoint, "", "file", join.pem, "join", "token"))


MOUNTED = ["-o ro /dev/disk/by-label/krmfn-join disk", "umount disk"]


@pytest.mark.parametrize("ending", ["\n", "", "\nnext\n"])
def test_token_on_a_disk(guest: Guest, endpoint: Endpoint, join: Join, ending: str) -> None:
    guest.write("opt/disk/token", TOKEN + ending)
    boot = guest.boot(by_disk(join))
    assert_joined(guest, boot, "node-1")
    assert boot.mounts == MOUNTED
    guest.path("opt/disk/token").unlink()
    guest.path("opt/disk").rmdir()
    again = guest.boot(by_disk(join))
    assert (again.mounts, again.said) == ([], "")
    assert len(endpoint.requests) == 1


def test_missing_disk(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    boot = guest.boot(by_disk(join), pauses=3)
    assert boot.said.count("the disk with the token can't be mounted\n") == 3
    assert boot.pauses == ["5", "10", "20"]
    assert boot.mounts == MOUNTED[:1] * 3
    assert (endpoint.connections, guest.joins()) == (0, [])


@pytest.mark.parametrize(
    "held", ["", f'{TOKEN}"', f'{TOKEN}"\noutput = "/var/log/joined"', f"\n{TOKEN}", f"{TOKEN} x", f"{TOKEN}\r\n", f"{TOKEN}&type=control-plane", "$(id)"]
)
def test_what_is_no_token_is_never_sent(guest: Guest, endpoint: Endpoint, join: Join, held: str) -> None:
    guest.write("opt/disk/token", held)
    boot = guest.boot(by_disk(join), pauses=2)
    assert boot.said.count("there is no token, or what is there is none\n") == 2
    assert TOKEN not in boot.said
    assert boot.mounts == MOUNTED * 2
    assert (endpoint.connections, guest.joins()) == (0, [])


@cache
def texts() -> dict[str, str]:
    return test_guest_files.user_data()


@pytest.mark.parametrize("case", cases())
def test_fixture_joins(guest: Guest, endpoint: Endpoint, authority: Authority, case: str) -> None:
    """Of each fixture the longest user data, which has the most settings: its endpoint's host, its token and its CA are replaced, no more."""
    name, text = max(((name, text) for name, text in texts().items() if name.startswith(f"{case}/")), key=lambda found: len(found[1]))
    settings = text.partition("/run/krmfn/settings <<'KRMFN_END'\n")[2].partition("KRMFN_END")[0]
    values = dict(setting.split("=", 1) for setting in shlex.split(settings))
    text = text.replace("/".join(values["endpoint"].split("/")[:3]), endpoint.url)
    text = re.sub(r"(?m)^  [a-z0-9]{6}\.[a-z0-9]{16}$", f"  {TOKEN}", text)
    text = re.sub(r"(?s)  -----BEGIN .*-----END CERTIFICATE-----\n", textwrap.indent(authority.pem, "  "), text)
    if values["authority"] == "system":
        guest.write("etc/ssl/certs/ca-certificates.crt", authority.pem)
    if "token_file" in values:
        guest.write(f"opt/disk/{values['token_file']}", TOKEN)
    boot = guest.boot(text)
    claim = name.removeprefix(f"{case}/").removesuffix("-cloud-init")
    assert guest.joins() == [f"--node-name {claim}"], boot
    assert guest.lines("var/log/joined/hostname") == [claim]
    assert len(endpoint.requests) == 1
    arguments = values.get("kubelet_arguments")
    for file in KUBELET_FILES:
        assert guest.lines(f"var/log/joined/{file}") == ([f'KUBELET_EXTRA_ARGS="{arguments}"'] if arguments else [])
