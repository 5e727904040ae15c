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
    NO_CONFIG,
    SCRIPT,
    TOKEN,
    Answer,
    Authority,
    Boot,
    Endpoint,
    Guest,
    guests,
    proxy_recipe,
    serving,
    user_data,
)
from tests.support import CERTIFICATE, ROOT, pauses

pytestmark = pytest.mark.system
REQUEST = f"/node/join?token={TOKEN}"
FAILS = Answer(body="#!/bin/sh\nexit 3\n")
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


# A claim's own user data says its name; that of a pool does not, and the machine's metadata does.
FORMS = pytest.mark.parametrize("own", [True, False], ids=["own", "shared"])


def form(own: bool, join: Join, name: str = "node-1") -> tuple[str, str]:
    """User data in one of the forms, and the name in the metadata beside it."""
    return (user_data(name, join), "from-metadata") if own else (user_data(None, join), name)


def joins(guest: Guest) -> list[str]:
    """The arguments of each join script that ran."""
    return guest.lines("var/log/joined/arguments")


def assert_joined(guest: Guest, boot: Boot, *claims: str) -> None:
    """The join script of each claim ran once, under its host name, and what a join leaves is there."""
    assert joins(guest) == [f"--node-name {claim} --force-join" for claim in claims], boot
    assert guest.lines("var/log/joined/facts") == [f"{claim} /root" for claim in claims]
    assert re.fullmatch(r"[0-9a-f]{64}  -\n", guest.path("var/lib/krmfn/joined").read_text())
    assert {path.name for path in guest.path("run/krmfn").iterdir() if path.is_file()} - {
        "ca.crt"
    } == {"join.sh", "settings"}


@FORMS
def test_first_boot(guest: Guest, endpoint: Endpoint, join: Join, own: bool) -> None:
    text, name = form(own, join)
    boot = guest.boot(text, name=name)
    assert boot.stages == ["0"] * 4
    assert boot.systemctl[:2] == ["daemon-reload", "start --no-block krmfn-join.service"]
    assert_joined(guest, boot, "node-1")
    assert endpoint.requests == [REQUEST]
    assert (boot.pauses, boot.mounts) == ([], [])
    assert boot.said == f"node-1 has joined {endpoint.url}\n"
    assert guest.path("run/systemd/system/krmfn-join.service").stat().st_mode & 0o777 == 0o644


def test_two_nodes_of_a_pool_share_their_user_data(
    folder: Path, endpoint: Endpoint, join: Join
) -> None:
    text = user_data(None, join)
    for name in ("pool-0", "pool-1"):
        guest = Guest(folder)
        assert_joined(guest, guest.boot(text, instance=f"{name}.machines", name=name), name)
        # A reboot joins no second time.
        assert guest.boot(text, instance=f"{name}.machines", name=name).said == ""
    assert endpoint.requests == [REQUEST] * 2


def test_token_is_for_root_alone(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    text = user_data("node-1", join, ["--max-pods=50"])
    # The power goes while token and script still lie in /run; then the node joins.
    for answer, left in ((FAILS, {"token", "script"}), (Answer(), set())):
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
        *(
            (Answer(body=body), "the endpoint answered with status 200, but not with a script: ")
            for body in ("", "exit 0\n", "<html>Log in</html>\n")
        ),
        (FAILS, "the join script failed"),
        (
            Answer(
                200,
                "#!/bin/sh\nmkdir -p /var/log/joined\necho cut >/var/log/joined/arguments\n",
                missing=9,
            ),
            "the download failed",
        ),
    ],
)
@FORMS
def test_joins_at_the_third_try(
    guest: Guest, endpoint: Endpoint, join: Join, answer: Answer, said: str, own: bool
) -> None:
    endpoint.answers = [answer, answer, Answer()]
    text, name = form(own, join)
    boot = guest.boot(text, name=name)
    assert_joined(guest, boot, "node-1")
    assert endpoint.requests == [REQUEST] * 3
    assert boot.pauses == pauses("node-1", 2)
    assert boot.said.count(said) == 2
    assert (
        f"node-1 has not joined {endpoint.url}; the next try follows in {boot.pauses[0]} s\n"
        in boot.said
    )


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
            "the endpoint answered with status 401: no such token: ******",
            6,
        ),
        # Cut at byte 300, and with its dot in another spelling.
        *(
            (
                Answer(401, "x" * before + TOKEN.replace(".", dot)),
                {},
                f"the endpoint answered with status 401: {('x' * before + '******')[:300]}\n",
                6,
            )
            for before in (290, 297)
            for dot in (".", "%2E", "%2e")
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
    changed = replace(join, **change)  # type: ignore[arg-type]
    boot = guest.boot(user_data("node-1", changed), pauses=6)
    assert boot.pauses == pauses("node-1", 6)
    assert (boot.said.count(said), endpoint.connections, len(endpoint.requests)) == (6, 6, requests)
    assert changed.token.partition(".")[2][:8] not in boot.said
    assert (joins(guest), guest.path("var/lib/krmfn/joined").exists()) == ([], False)


@pytest.mark.parametrize("line", ["insecure", "verbose", 'write-out = "%{url}"', "output = /x"])
def test_root_s_own_settings_of_curl_count_for_nothing(
    guest: Guest, endpoint: Endpoint, join: Join, line: str
) -> None:
    guest.write("root/.curlrc", f"{line}\n")
    boot = guest.boot(user_data("node-1", replace(join, pem=CERTIFICATE)), pauses=1)
    assert "the download failed\n" in boot.said
    assert (endpoint.requests, TOKEN in boot.said) == ([], False)
    boot = guest.boot(user_data("node-1", join))
    assert boot.said == f"node-1 has joined {endpoint.url}\n"


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


@FORMS
def test_a_reboot_joins_no_second_time(
    guest: Guest, endpoint: Endpoint, join: Join, own: bool
) -> None:
    text, name = form(own, join)
    guest.boot(text, name=name)
    # The Secret may hold another token by then.
    boot = guest.boot(text.replace(TOKEN, "guest1.0123456789abcdef"), name=name)
    assert boot.systemctl[:2] == ["daemon-reload", "start --no-block krmfn-join.service"]
    assert (endpoint.requests, boot.said) == ([REQUEST], "")
    assert_joined(guest, boot, "node-1")


@FORMS
def test_a_clone_joins_as_its_own_claim(
    guest: Guest, endpoint: Endpoint, join: Join, own: bool
) -> None:
    for claim in ("node-1", "node-2"):
        text, name = form(own, join, claim)
        boot = guest.boot(text, instance=f"{claim}.machines", name=name)
    assert_joined(guest, boot, "node-1", "node-2")
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


def test_a_reused_disk_has_the_kubelet_files_of_its_image(guest: Guest, join: Join) -> None:
    image = ["A=1", "KUBELET_EXTRA_ARGS=--image=1"]
    guest.write(KUBELET_FILES[1], "\n".join(image) + "\n")
    guest.boot(user_data("node-1", join, ["--node-labels=a=b"]))
    assert "--node-labels=a=b" in guest.path(KUBELET_FILES[1]).read_text()
    boot = guest.boot(user_data("node-2", join), instance="second")
    assert_joined(guest, boot, "node-1", "node-2")
    assert [guest.lines(file) for file in KUBELET_FILES] == [[], image, []]


# Keeps to the vendor's documentation: a machine with a kubelet service is refused, unless it is told to join anyway.
# kubelet starts before `kubeadm join`, which fails the first time.
VENDOR = """#!/bin/sh
case " $* " in
*" --force-join "*) ;;
*) [ ! -e /etc/systemd/system/kubelet.service ] || { echo "kubelet runs here"; exit 1; } ;;
esac
touch /etc/systemd/system/kubelet.service
[ -e /opt/tried ] || { touch /opt/tried; echo "kubeadm join failed"; exit 1; }
"""


@FORMS
def test_a_machine_with_a_kubelet_joins_in_the_end_and_anew(
    guest: Guest, endpoint: Endpoint, join: Join, own: bool
) -> None:
    endpoint.answers = [Answer(body=VENDOR + SCRIPT)]
    text, name = form(own, join)
    boot = guest.boot(text, name=name)
    assert boot.said.startswith("kubeadm join failed\nthe join script failed\n")
    assert_joined(guest, boot, "node-1")
    [command] = re.findall(r"--command '(.*) && sync'", (ROOT / "docs/not-joined.md").read_text())
    _, _, path = shlex.split(command)
    assert command.startswith("rm -f /")
    guest.path(path[1:]).unlink()
    assert guest.boot(text, name=name).said == f"node-1 has joined {endpoint.url}\n"
    assert len(endpoint.requests) == 3


def test_a_script_that_leaves_no_kubelet_is_told_of(
    guest: Guest, endpoint: Endpoint, join: Join
) -> None:
    endpoint.answers = [Answer(body="#!/bin/sh\n")]
    said = guest.boot(user_data("node-1", join)).said
    assert said.startswith("the join script ended well, but left no /etc/kubernetes/kubelet.conf")
    assert guest.boot(user_data("node-1", join)).said == ""


def test_a_full_disk_does_not_repeat_the_join(guest: Guest, endpoint: Endpoint, join: Join) -> None:
    guest.write("var/lib/krmfn/nothing", "")
    guest.path("var/lib/krmfn/joined.new").symlink_to("/dev/full")
    boot = guest.boot(user_data("node-1", join), pauses=3)
    assert boot.said.count("/var/lib/krmfn/joined can't be written: is the disk full?\n") == 3
    assert (endpoint.connections, joins(guest)) == (0, [])


def test_arguments_of_the_config_reach_the_join_script(guest: Guest, join: Join) -> None:
    arguments = ("--bundle-path", "/opt/*.tar.gz", "--skip-reset")
    boot = guest.boot(user_data("node-1", replace(join, arguments=arguments)))
    assert joins(guest) == [f"--node-name node-1 --force-join {' '.join(arguments)}"], boot


def test_the_documented_drop_in_gives_the_unit_a_proxy(
    guest: Guest, endpoint: Endpoint, join: Join
) -> None:
    proxy = Endpoint()
    with serving(proxy, None):
        config = proxy_recipe(proxy.url)
        boot = guest.boot(user_data("node-1", join, config=config), pauses=2)
    assert boot.stages == ["0"] * 4
    assert proxy.requests == [endpoint.url.removeprefix("https://")] * 2
    assert endpoint.connections == 0


# The system, cloud-init's name of the renderer, what has to be there for it to be chosen, and the file that it writes.
PROGRAM = "#!/bin/sh\n"
RENDERERS = {
    "netplan": (
        "ubuntu",
        "netplan",
        {"usr/sbin/netplan": PROGRAM},
        "etc/netplan/50-cloud-init.yaml",
    ),
    "network-manager": (
        "rhel",
        "network-manager",
        {"usr/bin/nmcli": PROGRAM, "etc/NetworkManager/NetworkManager.conf": ""},
        "etc/NetworkManager/system-connections/cloud-init-enp1s0.nmconnection",
    ),
    "ifcfg": (
        "rhel",
        "sysconfig",
        {
            "etc/os-release": "ID=rhel\nVERSION_ID=9\n",
            "usr/sbin/ifup": PROGRAM,
            "usr/sbin/ifdown": PROGRAM,
            "etc/sysconfig/config": "",
        },
        "etc/sysconfig/network-scripts/ifcfg-enp1s0",
    ),
}
MACS = ("02:00:00:aa:00:01", "02:00:00:bb:00:02")


UPDATES = pytest.mark.parametrize("updates", [NO_CONFIG.updates, ""], ids=["updates", "none"])


def renders_network(guest: Guest, kind: str) -> Path:
    """Make a guest one whose cloud-init writes its network with a renderer, and return the file."""
    system, renderer, files, file = RENDERERS[kind]
    for path, content in files.items():
        guest.write(path, content)
        guest.path(path).chmod(0o755)
    info = f"{{distro: {system}, network: {{renderers: [{renderer}]}}}}"
    image = f"datasource_list: [NoCloud]\nlocale: C.UTF-8\nsystem_info: {info}\n"
    guest.write("etc/cloud/cloud.cfg.d/99-image.cfg", image)
    return guest.path(file)


@UPDATES
@pytest.mark.parametrize("kind", RENDERERS)
def test_a_second_start_with_another_mac_keeps_its_network(
    guest: Guest, join: Join, kind: str, updates: str
) -> None:
    file = renders_network(guest, kind)
    text = user_data(None, join).replace(NO_CONFIG.updates, updates)
    for mac in MACS:
        guest.boot(text, pauses=1, name="pool-0", mac=mac)
        found = file.read_text().lower()
        # Without `updates` the file is that of the first start.
        expected = mac if updates else MACS[0]
        assert [mac for mac in MACS if mac in found] == [expected]


@UPDATES
@pytest.mark.parametrize("kind", RENDERERS)
def test_other_network_data_counts_at_the_next_start(
    guest: Guest, join: Join, kind: str, updates: str
) -> None:
    file = renders_network(guest, kind)
    text = user_data(None, join).replace(NO_CONFIG.updates, updates)
    addresses = ("192.0.2.10", "192.0.2.11")
    for address in addresses:
        network = f"version: 2\nethernets: {{enp1s0: {{addresses: [{address}/24]}}}}\n"
        guest.boot(text, pauses=1, name="pool-0", mac=MACS[0], network=network)
        expected = address if updates else addresses[0]
        assert [one for one in addresses if one in file.read_text()] == [expected]


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


HELD = "the file token on the disk krmfn-join"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {},
            "the disk with the token can't be mounted: no disk is labelled krmfn-join, or its Secret is not there",
        ),
        ({"value": TOKEN}, "the disk krmfn-join has no file token; it has: value "),
        ({"token": ""}, f"{HELD} is empty"),
        ({"token": f"\n{TOKEN}"}, f"{HELD} is empty"),
        ({"token": f'{TOKEN}"'}, f"{HELD} is not a token"),
        ({"token": f'{TOKEN}"\noutput = "/x'}, f"{HELD} is not a token"),
        ({"token": f"{TOKEN}&type=control-plane"}, f"{HELD} is not a token"),
        (
            {"token": f"{TOKEN}\r\n"},
            f"{HELD} ends in a carriage return; save it with Unix line ends",
        ),
        (
            {"token": f"\ufeff{TOKEN}\n"},
            f"{HELD} begins with a byte order mark; save it without one",
        ),
    ],
)
def test_what_is_no_token_is_never_sent(
    guest: Guest, endpoint: Endpoint, by_disk: str, files: dict[str, str], said: str
) -> None:
    for name, text in files.items():
        guest.path("opt/disk").mkdir(parents=True, exist_ok=True)
        guest.path(f"opt/disk/{name}").write_bytes(text.encode())
    boot = guest.boot(by_disk, pauses=3)
    assert boot.said.count(f"{said}\n") == 3
    assert TOKEN not in boot.said
    assert boot.pauses == pauses("node-1", 3)
    assert boot.mounts == MOUNTED[: 2 if files else 1] * 3
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
    claim = name.removeprefix(f"{case}/").removesuffix("-cloud-init")
    if "node" not in values:
        claim += "-0"
    boot = guest.boot(text, name=claim)
    assert joins(guest) == [
        " ".join(["--node-name", claim, "--force-join", *values.get("join_arguments", "").split()])
    ]
    guest.write("var/log/joined/arguments", f"--node-name {claim} --force-join\n")
    assert_joined(guest, boot, claim)
    assert len(endpoint.requests) == 1
    arguments = values.get("kubelet_arguments")
    for file in KUBELET_FILES:
        assert guest.lines(f"var/log/joined/{file}") == (
            [f'KUBELET_EXTRA_ARGS="{arguments}"'] if arguments else []
        )
