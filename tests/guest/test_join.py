"""The join script joins once, retries until it can, and never shows the token."""

import subprocess
from pathlib import Path

import pytest

from krmfn.guest.user_data import guest_file
from tests.support import TOKEN

SCRIPT = '#!/bin/sh\necho "ran umask=$(umask) in=$(pwd) args=$*" >>ROOT/log\n'


class Guest:
    """A stand-in root: /run, /var/lib and /etc below it, and the tools that the script calls."""

    def __init__(self, root: Path, shell: str) -> None:
        self.root, self.shell = root, shell
        (root / "bin").mkdir()
        (root / "run/krmfn").mkdir(parents=True)
        (root / "var/lib").mkdir(parents=True)
        self.answers("200", SCRIPT)
        self.tool("sleep", 'echo "slept $1" >>ROOT/log; echo 200 >ROOT/status')
        self.tool("sync", ":")
        self.tool("mount", 'cp ROOT/disk/* "$4" 2>/dev/null && echo mounted >>ROOT/log')
        self.tool("umount", 'rm -f "$1"/*; echo let go >>ROOT/log')
        self.tool(
            "curl",
            'cat >>ROOT/requests; echo "curl $*" >>ROOT/log; cp ROOT/answer script; cat ROOT/status',
        )
        self.settings(node="node-1", endpoint="https://t.example.com", authority="system")
        self.file("run/krmfn/token", f"{TOKEN}\n")
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

    def settings(self, **settings: str) -> None:
        self.file(
            "run/krmfn/settings", "".join(f"{key}='{value}'\n" for key, value in settings.items())
        )

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
    assert "ran umask=0022 in=/ args=--node-name node-1\n" in guest.log
    assert {path.name for path in (guest.root / "run/krmfn").iterdir()} == {"settings", "join.sh"}
    guest.file("run/krmfn/token", f"{TOKEN}\n")
    assert guest.join() == ""
    assert guest.read("requests").count("\n") == 1
    guest.settings(node="clone", endpoint="https://t.example.com", authority="system")
    guest.file("run/krmfn/token", f"{TOKEN}\n")
    assert "clone has joined" in guest.join()


@pytest.mark.parametrize(
    ("authority", "option"), [("system", ""), ("file", " --cacert ca.crt"), ("none", " --insecure")]
)
def test_what_curl_is_told(guest: Guest, authority: str, option: str) -> None:
    guest.settings(node="node-1", endpoint="https://t.example.com", authority=authority)
    guest.file("run/krmfn/ca.crt", "CA\n")
    guest.join()
    assert "--proto =https --proto-redir =https" in guest.log
    assert guest.log.splitlines()[0].endswith(f"--write-out %{{http_code}}{option}")


def test_a_refusal_is_told_without_the_token(guest: Guest) -> None:
    guest.answers("401", f"no such token {TOKEN}\n")
    guest.tool("sleep", "echo 200 >ROOT/status; cp ROOT/good ROOT/answer")
    guest.file("good", SCRIPT)
    assert "the endpoint answered with status 401: (the reply repeats the token)\n" in guest.join()
    guest.file("run/krmfn/token", f"{TOKEN}\n")
    guest.settings(node="other", endpoint="https://t.example.com", authority="system")
    guest.answers("400", "token\x1b[2J expired\n")
    assert "the endpoint answered with status 400: token [2J expired" in guest.join()


def test_pauses_double_up_to_a_minute(guest: Guest) -> None:
    guest.answers("503", "")
    guest.tool(
        "sleep",
        'echo "slept $1" >>ROOT/log; if [ "$(grep -c slept ROOT/log)" = 6 ]; then echo 200 >ROOT/status; cp ROOT/good ROOT/answer; fi',
    )
    guest.file("good", SCRIPT)
    guest.join()
    assert [line for line in guest.log.splitlines() if line.startswith("slept")] == [
        f"slept {pause}" for pause in (5, 10, 20, 40, 60, 60)
    ]


def test_kubelet_arguments_stand_behind_those_of_the_image(guest: Guest) -> None:
    guest.settings(
        node="node-1",
        endpoint="https://t.example.com",
        authority="system",
        kubelet_arguments="--a=b --c=d",
    )
    guest.file("etc/default/kubelet", 'OTHER=x\nKUBELET_EXTRA_ARGS="--node-ip=1.2.3.4"\n')
    guest.file("etc/sysconfig/kubelet", "KUBELET_EXTRA_ARGS=\n")
    # Fails once, so that all is written twice.
    guest.answers("200", SCRIPT + "if [ ! -f ROOT/tried ]; then touch ROOT/tried; exit 1; fi\n")
    assert "the join script failed\n" in guest.join()
    assert (
        guest.read("etc/default/kubelet")
        == 'OTHER=x\nKUBELET_EXTRA_ARGS="--node-ip=1.2.3.4 --a=b --c=d"\n'
    )
    assert guest.read("etc/vcluster/vcluster-flags.env") == 'KUBELET_EXTRA_ARGS="--a=b --c=d"\n'
    assert guest.read("etc/sysconfig/kubelet").strip() == 'KUBELET_EXTRA_ARGS="--a=b --c=d"'
    assert (guest.root / "etc/vcluster/vcluster-flags.env").stat().st_mode & 0o777 == 0o644
    # A clone of the disk has its own arguments, and none of the claim whose disk it was.
    guest.settings(
        node="clone",
        endpoint="https://t.example.com",
        authority="system",
        kubelet_arguments="--e=f",
    )
    guest.file("run/krmfn/token", f"{TOKEN}\n")
    guest.join()
    assert (
        guest.read("etc/default/kubelet")
        == 'OTHER=x\nKUBELET_EXTRA_ARGS="--node-ip=1.2.3.4 --e=f"\n'
    )


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("KUBELET_EXTRA_ARGS='--x=1'", "--x=1 "),
        ("KUBELET_EXTRA_ARGS=--x=1 --y  ", "--x=1 --y  "),
        ('KUBELET_EXTRA_ARGS="--x=\\"1\\""', ""),
    ],
)
def test_what_an_image_may_hold(guest: Guest, line: str, kept: str) -> None:
    guest.settings(
        node="node-1",
        endpoint="https://t.example.com",
        authority="system",
        kubelet_arguments="--a=b",
    )
    guest.file("etc/default/kubelet", line + "\n")
    said = guest.join()
    assert guest.read("etc/default/kubelet").split() == f'KUBELET_EXTRA_ARGS="{kept}--a=b"'.split()
    assert ("can't be read, and is replaced" in said) == (not kept)


def test_a_token_on_a_disk(guest: Guest) -> None:
    guest.settings(
        node="node-1", endpoint="https://t.example.com", authority="system", token_file="token"
    )
    (guest.root / "run/krmfn/token").unlink()
    guest.file("disk/token", TOKEN)
    guest.join()
    assert guest.log.splitlines()[:2] == ["mounted", "let go"]
    assert guest.read("requests") == f'url = "https://t.example.com/node/join?token={TOKEN}"\n'
    (guest.root / "disk/token").unlink()
    assert guest.join() == ""


@pytest.mark.parametrize("token", ["", 'x"\noutput = "/etc/passwd', "$(id)", "a b", "ÄBC.def"])
def test_what_is_no_token_is_never_sent(guest: Guest, token: str) -> None:
    guest.file("run/krmfn/token", f"{token}\n")
    guest.tool("sleep", f"printf '%s\\n' {TOKEN} >/run/krmfn/token")
    assert "there is no token, or what is there is none\n" in guest.join()
    assert guest.read("requests") == f'url = "https://t.example.com/node/join?token={TOKEN}"\n'
