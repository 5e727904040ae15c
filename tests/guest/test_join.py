"""The join script joins once, retries until it can, and never shows the token."""

import subprocess
from pathlib import Path

import pytest

from krmfn.guest.user_data import guest_file
from tests.support import TOKEN, pauses

SCRIPT = """#!/bin/sh
echo "ran umask=$(umask) in=$(pwd) args=$*" >>ROOT/log
mkdir -p /etc/kubernetes
touch /etc/kubernetes/kubelet.conf
"""
# Keeps to the vendor's documentation: a machine with a kubelet service is refused, unless it is told to join anyway.
# kubelet starts before `kubeadm join`, which fails the first time.
VENDOR = """#!/bin/sh
case " $* " in
*" --force-join "*) ;;
*) [ ! -e /etc/systemd/kubelet.service ] || { echo "kubelet runs here: use --force-join"; exit 1; } ;;
esac
mkdir -p /etc/systemd /etc/kubernetes
touch /etc/systemd/kubelet.service
[ -e ROOT/tried ] || { touch ROOT/tried; echo "kubeadm join failed"; exit 1; }
touch /etc/kubernetes/kubelet.conf
"""
KUBELET_CONF = "left no ROOT/etc/kubernetes/kubelet.conf: is this node in the virtual cluster?\n"
SETTINGS = {"node": "node-1", "endpoint": "https://t.example.com", "authority": "system"}


class Guest:
    """A stand-in root: /run, /var/lib and /etc below it, and the tools that the script calls."""

    def __init__(self, root: Path, shell: str) -> None:
        self.root, self.shell = root, shell
        (root / "bin").mkdir()
        (root / "run/krmfn").mkdir(parents=True)
        (root / "var/lib").mkdir(parents=True)
        self.answers("200", SCRIPT)
        # Whatever was wrong is mended in the first pause.
        self.file("good", SCRIPT)
        self.pause("mend")
        self.tool(
            "mend",
            "echo 200 >ROOT/status; cp ROOT/good ROOT/answer; rm -f /var/lib/krmfn/joined.new",
        )
        self.tool("cloud-init", '[ "$*" = "query local_hostname" ] && cat ROOT/name')
        self.tool("sync", ":")
        self.tool("mount", 'cp ROOT/disk/* "$4" 2>/dev/null && echo mounted >>ROOT/log')
        self.tool("umount", 'rm -f "$1"/*; echo let go >>ROOT/log')
        self.tool(
            "curl",
            'cat >>ROOT/requests; echo "curl $*" >>ROOT/log; cp ROOT/answer script; cat ROOT/status',
        )
        self.settings()
        self.token()
        self.file("run/krmfn/join.sh", guest_file("join.sh"))

    def file(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in ("/run/", "/var/lib/", "/etc/"):
            text = text.replace(folder, f"{self.root}{folder}")
        path.write_text(text.replace("ROOT", str(self.root)))
        return path

    def tool(self, name: str, text: str) -> None:
        self.file(f"bin/{name}", f"#!/bin/sh\n{text}\n").chmod(0o755)

    def answers(self, status: str, body: str) -> None:
        self.file("status", status)
        self.file("answer", body)

    def pause(self, command: str) -> None:
        """Run a command in each pause."""
        self.tool("sleep", f'echo "slept $1" >>ROOT/log\n{command}')

    def settings(self, **settings: str) -> None:
        lines = [f"{key}='{value}'\n" for key, value in (SETTINGS | settings).items()]
        self.file("run/krmfn/settings", "".join(lines))

    def token(self, token: str = f"{TOKEN}\n") -> None:
        (self.root / "run/krmfn/token").write_bytes(token.encode())

    def join(self) -> str:
        path = f"{self.root}/bin:/usr/bin:/bin"
        script = str(self.root / "run/krmfn/join.sh")
        done = subprocess.run(
            [self.shell, script],
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        assert TOKEN not in done.stdout + done.stderr + self.log
        return done.stdout

    @property
    def log(self) -> str:
        return self.read("log")

    def read(self, name: str) -> str:
        path = self.root / name
        return path.read_text() if path.exists() else ""


@pytest.fixture(params=["sh", "bash"])
def guest(tmp_path: Path, request: pytest.FixtureRequest) -> Guest:
    return Guest(tmp_path, request.param)


def test_it_joins_once(guest: Guest) -> None:
    assert guest.join() == "node-1 has joined https://t.example.com\n"
    assert guest.read("requests") == f'url = "https://t.example.com/node/join?token={TOKEN}"\n'
    assert "ran umask=0022 in=/ args=--node-name node-1 --force-join\n" in guest.log
    assert {path.name for path in (guest.root / "run/krmfn").iterdir()} == {"settings", "join.sh"}
    guest.token()
    assert guest.join() == ""
    assert guest.read("requests").count("\n") == 1
    guest.settings(node="clone")
    guest.token()
    assert "clone has joined" in guest.join()


def test_a_node_of_a_pool_is_named_by_its_metadata(guest: Guest) -> None:
    guest.settings(node="")
    for name in ("pool-0", "pool-1"):
        guest.file("name", f"{name}\n")
        guest.token()
        assert guest.join() == f"{name} has joined https://t.example.com\n"
        assert f"args=--node-name {name} --force-join\n" in guest.log
        assert guest.join() == ""


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a b", "a\nb", "$(id)", "ä", "a\x1b"])
def test_what_is_no_name_is_not_joined_with(guest: Guest, name: str) -> None:
    guest.settings(node="")
    guest.file("name", f"{name}\n")
    guest.pause("echo pool-0 >ROOT/name")
    first, second, last = guest.join().splitlines()
    assert first.startswith("this node's name is not known: cloud-init query local_hostname says '")
    assert first.isprintable()
    assert second.startswith("this node has not joined")
    assert last == "pool-0 has joined https://t.example.com"


@pytest.mark.parametrize(
    ("authority", "option"), [("system", ""), ("file", " --cacert ca.crt"), ("none", " --insecure")]
)
def test_what_curl_is_told(guest: Guest, authority: str, option: str) -> None:
    guest.settings(authority=authority)
    guest.file("run/krmfn/ca.crt", "CA\n")
    guest.join()
    assert guest.log.startswith("curl -q ")
    assert "--proto =https --proto-redir =https" in guest.log
    assert (
        guest.log.splitlines()[0].removesuffix(" --config -")
        == f"{guest.log.partition(' --write-out')[0]} --write-out %{{http_code}}{option}"
    )


def test_arguments_for_the_join_script_are_words_of_their_own(guest: Guest) -> None:
    guest.settings(join_arguments="--bundle-path /b*n --repository-url https://m?a=[b]")
    guest.answers("200", SCRIPT + "printf '<%s>' \"$@\" >>ROOT/words\n")
    guest.join()
    assert (
        guest.read("words")
        == "<--node-name><node-1><--force-join><--bundle-path></b*n><--repository-url><https://m?a=[b]>"
    )


def test_a_machine_with_a_kubelet_joins_in_the_end_and_anew(guest: Guest) -> None:
    guest.answers("200", VENDOR)
    guest.pause(":")
    said = guest.join()
    assert said.startswith("kubeadm join failed\nthe join script failed\n")
    assert said.endswith("node-1 has joined https://t.example.com\n")
    assert guest.join() == ""
    (guest.root / "var/lib/krmfn/joined").unlink()
    guest.token()
    assert guest.join() == "node-1 has joined https://t.example.com\n"


@pytest.mark.parametrize("body", ["", "exit 0\n", "<html>Please log in</html>\n", "\n#!/bin/sh\n"])
def test_a_reply_that_is_no_script_is_not_run(guest: Guest, body: str) -> None:
    guest.answers("200", body)
    said = guest.join()
    text = body.replace("\n", " ")
    message = "the endpoint answered with status 200, but not with a script: "
    assert said.startswith(f"{message}{text}\n")
    assert said.endswith("node-1 has joined https://t.example.com\n")


def test_a_script_that_leaves_no_kubelet_is_told_of(guest: Guest) -> None:
    guest.answers("200", "#!/bin/sh\n")
    assert KUBELET_CONF.replace("ROOT", str(guest.root)) in guest.join()
    assert guest.join() == ""


def test_a_full_disk_does_not_repeat_the_join(guest: Guest) -> None:
    guest.file("var/lib/krmfn/nothing", "")
    (guest.root / "var/lib/krmfn/joined.new").symlink_to("/dev/full")
    said = guest.join()
    assert f"{guest.root}/var/lib/krmfn/joined can't be written: is the disk full?\n" in said
    assert guest.log.count("slept") == guest.log.count("ran ") == guest.log.count("curl ") == 1
    assert guest.join() == ""


ID, SECRET = TOKEN.split(".")


@pytest.mark.parametrize(
    "spelling", [TOKEN, f"{ID}%2E{SECRET}", f"{ID}%2e{SECRET}", f"{ID}&#46;{SECRET}", SECRET]
)
@pytest.mark.parametrize("before", [0, 280, 290, 299, 310])
def test_a_refusal_is_told_without_the_token(guest: Guest, spelling: str, before: int) -> None:
    guest.answers("401", "x" * before + spelling + " is unknown\n")
    [line] = [line for line in guest.join().splitlines() if "status 401" in line]
    told = line.removeprefix("the endpoint answered with status 401: ")
    assert told == ("x" * before + "****** is unknown ")[:300]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (f"{SECRET[:8]}-{SECRET[8:]}\n", "(the reply repeats the token)"),
        (f"{SECRET[:8]}\n{SECRET[8:]}", "(the reply repeats the token)"),
        ("token\x1b[2J expired\n", "token [2J expired "),
    ],
)
def test_a_refusal_is_text_that_can_be_printed(guest: Guest, body: str, told: str) -> None:
    guest.answers("400", body)
    assert f"the endpoint answered with status 400: {told}\n" in guest.join()


@pytest.mark.parametrize("node", ["node-1", "node-2", "a"])
def test_pauses_double_up_to_a_minute_and_differ_by_node(guest: Guest, node: str) -> None:
    guest.settings(node=node)
    guest.answers("503", "")
    guest.pause('[ "$(grep -c slept ROOT/log)" != 6 ] || mend')
    guest.join()
    slept = [line.split()[1] for line in guest.log.splitlines() if line.startswith("slept")]
    assert slept == pauses(node, 6)
    for pause, least in zip(map(int, slept), (5, 10, 20, 40, 60, 60), strict=True):
        assert least <= pause < least * 1.5


def test_nodes_that_start_together_spread_their_tries() -> None:
    assert len({tuple(pauses(f"pool-{number}", 6)) for number in range(20)}) > 10


KUBELET_FILES = ("etc/vcluster/vcluster-flags.env", "etc/default/kubelet", "etc/sysconfig/kubelet")


def test_kubelet_arguments_stand_behind_those_of_the_image(guest: Guest) -> None:
    guest.settings(kubelet_arguments="--a=b --c=d")
    guest.file("etc/default/kubelet", 'OTHER=x\nKUBELET_EXTRA_ARGS="--node-ip=1.2.3.4"\n')
    guest.file("etc/sysconfig/kubelet", "KUBELET_EXTRA_ARGS=\n")
    # Fails once, so that all is written twice.
    guest.answers("200", VENDOR)
    assert "the join script failed\n" in guest.join()
    assert (
        guest.read("etc/default/kubelet")
        == 'OTHER=x\nKUBELET_EXTRA_ARGS="--node-ip=1.2.3.4 --a=b --c=d"\n'
    )
    assert guest.read("etc/vcluster/vcluster-flags.env") == 'KUBELET_EXTRA_ARGS="--a=b --c=d"\n'
    assert guest.read("etc/sysconfig/kubelet").strip() == 'KUBELET_EXTRA_ARGS="--a=b --c=d"'
    assert (guest.root / "etc/vcluster/vcluster-flags.env").stat().st_mode & 0o777 == 0o644
    # A clone of the disk has its own arguments, and none of the claim whose disk it was.
    guest.settings(node="clone", kubelet_arguments="--e=f")
    guest.token()
    guest.join()
    assert (
        guest.read("etc/default/kubelet")
        == 'OTHER=x\nKUBELET_EXTRA_ARGS="--node-ip=1.2.3.4 --e=f"\n'
    )


def test_a_claim_without_kubelet_arguments_has_the_files_of_the_image(guest: Guest) -> None:
    image = {
        "etc/default/kubelet": 'A=1\nKUBELET_EXTRA_ARGS="--x=1"\n',
        "etc/sysconfig/kubelet": "B\n",
    }
    for name, text in image.items():
        guest.file(name, text)
    guest.settings(kubelet_arguments="--node-labels=a=b")
    guest.join()
    assert all("--node-labels=a=b" in guest.read(name) for name in KUBELET_FILES)
    guest.settings(node="next")
    guest.token()
    guest.join()
    assert {name: guest.read(name) for name in KUBELET_FILES} == dict.fromkeys(
        KUBELET_FILES, ""
    ) | image
    assert not (guest.root / KUBELET_FILES[0]).exists()


def test_an_image_whose_claims_have_no_kubelet_arguments_is_left_alone(guest: Guest) -> None:
    guest.join()
    assert not [name for name in KUBELET_FILES if (guest.root / name).exists()]
    assert [path.name for path in (guest.root / "var/lib/krmfn").iterdir()] == ["joined"]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("KUBELET_EXTRA_ARGS='--x=1'", "--x=1 "),
        ("KUBELET_EXTRA_ARGS=--x=1 --y  ", "--x=1 --y  "),
        ('KUBELET_EXTRA_ARGS="--x=\\"1\\""', ""),
    ],
)
def test_what_an_image_may_hold(guest: Guest, line: str, kept: str) -> None:
    guest.settings(kubelet_arguments="--a=b")
    guest.file("etc/default/kubelet", line + "\n")
    said = guest.join()
    assert guest.read("etc/default/kubelet").split() == f'KUBELET_EXTRA_ARGS="{kept}--a=b"'.split()
    assert ("can't be read, and is replaced" in said) == (not kept)


# As `ip -o` of iproute2 6.1 prints them.
IPV4 = "2: enp2s0    inet 192.0.2.7/24 brd 192.0.2.255 scope global enp2s0\\       valid_lft forever preferred_lft forever"
IPV6 = "2: enp2s0    inet6 2001:db8::7/64 scope global \\       valid_lft forever preferred_lft forever"


@pytest.mark.parametrize(
    ("lines", "address"),
    [([IPV4], "192.0.2.7"), ([IPV6], "2001:db8::7"), ([IPV4, IPV6], "192.0.2.7")],
)
@pytest.mark.parametrize("arguments", ["", "--a=b"])
def test_a_nodes_address_is_that_of_the_interface(
    guest: Guest, lines: list[str], address: str, arguments: str
) -> None:
    guest.settings(node_ip_interface="enp2s0", kubelet_arguments=arguments)
    guest.file("addresses", "")
    guest.file("found", "\n".join(lines) + "\n")
    guest.tool("ip", 'echo "ip $*" >>ROOT/log; cat ROOT/addresses')
    guest.pause("cp ROOT/found ROOT/addresses")
    assert "enp2s0 has no address yet\n" in guest.join()
    assert guest.log.count("ip -o addr show dev enp2s0 scope global\n") == 2
    assert guest.log.count("ran ") == 1
    value = " ".join(filter(None, [arguments, f"--node-ip={address}"]))
    assert guest.read("etc/default/kubelet").strip() == f'KUBELET_EXTRA_ARGS="{value}"'


def test_a_token_on_a_disk(guest: Guest) -> None:
    guest.settings(token_file="token")
    (guest.root / "run/krmfn/token").unlink()
    guest.file("disk/token", TOKEN)
    guest.join()
    assert guest.log.splitlines()[:2] == ["mounted", "let go"]
    assert guest.read("requests") == f'url = "https://t.example.com/node/join?token={TOKEN}"\n'
    (guest.root / "disk/token").unlink()
    assert guest.join() == ""


NO_TOKENS = {
    "": "is empty",
    "\n": "is empty",
    f"\n{TOKEN}": "is empty",
    f"{TOKEN}\r\n": "ends in a carriage return; save it with Unix line ends",
    f"\ufeff{TOKEN}\n": "begins with a byte order mark; save it without one",
    'x"\noutput = "/etc/passwd': "is not a token",
    "$(id)": "is not a token",
    "a b": "is not a token",
    "ÄBC.def": "is not a token",
    TOKEN[:-1]: "is not a token",
    TOKEN + "0": "is not a token",
    TOKEN.upper(): "is not a token",
    f"{TOKEN}&type=control-plane": "is not a token",
    f'{TOKEN}"': "is not a token",
}


@pytest.mark.parametrize("by_disk", [False, True])
@pytest.mark.parametrize("token", NO_TOKENS)
def test_what_is_no_token_is_never_sent(guest: Guest, token: str, by_disk: bool) -> None:
    holder = "the file token on the disk krmfn-join" if by_disk else "the user data's token"
    place = "ROOT/disk/token" if by_disk else "/run/krmfn/token"
    guest.settings(token_file="token" if by_disk else "")
    file = guest.file(place.removeprefix("ROOT").removeprefix("/"), "")
    file.write_bytes(token.encode())
    guest.pause(f"printf '%s\\n' {TOKEN} >{place}")
    assert guest.join().startswith(f"{holder} {NO_TOKENS[token]}\n")
    assert guest.read("requests") == f'url = "https://t.example.com/node/join?token={TOKEN}"\n'


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "the disk with the token can't be mounted: no disk is labelled krmfn-join, or"),
        (
            {"tok\x1ben": "x", "ca.crt": "y"},
            "the disk krmfn-join has no file token; it has: ca.crt tok en",
        ),
    ],
)
def test_a_disk_without_the_token(guest: Guest, files: dict[str, str], said: str) -> None:
    guest.settings(token_file="token")
    for name, text in files.items():
        guest.file(f"disk/{name}", text)
    guest.pause(f"mkdir -p ROOT/disk; echo {TOKEN} >ROOT/disk/token")
    assert guest.join().startswith(said)
    assert guest.log.count("ran ") == 1
