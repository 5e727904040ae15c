"""The guest gets one cloud-config that joins it, and a token or certificate that can't work is refused."""

import base64
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from krmfn.guest.cloud_config import CloudConfig
from krmfn.guest.endpoint import endpoint_url
from krmfn.guest.join import Join
from krmfn.guest.user_data import NodeSettings, guest_file, join_script, user_data_parts
from krmfn.problems import Code, Collector, Place
from tests.support import (
    CERTIFICATE,
    CONFIG,
    FLAT,
    PROVIDER,
    SECRET,
    TOKEN,
    changed,
    function,
    made,
    refusal,
    resource_list,
)
from tests.support import CLAIM as A_CLAIM
from tests.support import user_data as user_data_of

JOIN = Join("https://tenant-1.example.com", TOKEN, "file", CERTIFICATE)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("a.example.com", "https://a.example.com"),
        ("a.example.com:443", "https://a.example.com"),
        ("https://A.Example.com:0443/", "https://a.example.com"),
        ("a.example.com:443/A", "https://a.example.com/A"),
        ("https://a.example.com/", "https://a.example.com"),
        ("https://a/b/c.d", "https://a/b/c.d"),
        ("192.0.2.1:8443", "https://192.0.2.1:8443"),
        ("[2001:db8::1]:443", "https://[2001:db8::1]"),
        ("[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_endpoints(endpoint: str, url: str) -> None:
    problems = Collector()
    assert endpoint_url(endpoint, Place(), problems) == url
    assert not problems


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8443",
        "127.0.0.2",
        "https://[::1]:443/a",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
    ],
)
def test_an_endpoint_that_is_the_node_itself_is_warned_of(host: str) -> None:
    problems = Collector()
    assert endpoint_url(host, Place(), problems)
    [problem] = problems
    assert (problem.is_error, problem.code) == (False, Code.LOCAL_ENDPOINT)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://a", "https://", "https://user@a", "https://a?b", "a#b", "a b", "a\n", "a%41", "a\\b", "a:0", "a:65536", "a:x", "a:", "1.2.3", "-a", "A_b",
        "a/$(id)", "a/'", 'a/"', "a/{x}", "a/b;c", "2001:db8::1", "[2001:db8::g]", "[::1", "ftp://a", "é.example.com", "a..b", "a/`id`", "a/../b\x00",
        f"a?token={TOKEN}", 'x"[::1]', 'https://evil"[::1]junk:443', '[::1]"x:443', "https://[::1]]:4", "https://admin:hunter2@host",
    ],
)  # fmt: skip
def test_what_is_no_endpoint(endpoint: str) -> None:
    problems = Collector()
    assert endpoint_url(endpoint, Place(), problems) == ""
    [problem] = problems
    assert problem.is_error
    assert re.search(r"must be host|is http:", problem.message)
    assert TOKEN not in problem.message


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


BOOTSTRAP: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "join", "namespace": "tokens"},
    "type": "bootstrap.kubernetes.io/token",
    "data": {
        "token-id": b64("abcdef"),
        "token-secret": b64("0123456789abcdef"),
        "ca.crt": b64(CERTIFICATE),
    },
}
NO_KEY = changed(CONFIG, "spec.virtualClusters.0.joinToken.secretKeyRef", {"name": "join"})


@pytest.mark.parametrize(
    ("secret", "config"),
    [
        (changed(SECRET, "stringData.token", TOKEN + "\n"), CONFIG),
        (changed(SECRET, "data", {"token": b64("stringData wins")}), CONFIG),
        (
            {
                **SECRET,
                "stringData": {"ca.crt": CERTIFICATE.replace("\n", "\r\n")},
                "data": {"token": b64(TOKEN)},
            },
            CONFIG,
        ),
        (BOOTSTRAP, NO_KEY),
        (changed(BOOTSTRAP, "stringData", {"expiration": "2001-01-01T00:00:00+01:00"}), NO_KEY),
    ],
)
def test_tokens(secret: dict[str, Any], config: dict[str, Any]) -> None:
    done = function(resource_list(PROVIDER, A_CLAIM, secret, config=config))
    assert done.code == 0, done.stderr
    [text] = user_data_of(done)
    [entry] = yaml.safe_load(text)["bootcmd"]
    assert f"\n{TOKEN}\n" in entry
    assert CERTIFICATE in entry
    assert "\r" not in text


ENCRYPTED = "is still encrypted or a placeholder: decrypt it before krmfn runs, or use joinToken.delivery: Disk"
DAMAGED = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
REQUEST = CERTIFICATE.replace("CERTIFICATE", "CERTIFICATE REQUEST")
KEY = "-----BEGIN " + "PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("secret", "config", "message"),
    [
        (
            changed(SECRET, "stringData.token", "ABCDEF.0123456789abcdef"),
            CONFIG,
            "stringData.token: is not a bootstrap token: six of a-z and 0-9",
        ),
        (changed(SECRET, "stringData.token", ""), CONFIG, "is not a bootstrap token"),
        (
            changed(SECRET, "stringData.token", f"{TOKEN}&type=worker"),
            CONFIG,
            "is not a bootstrap token",
        ),
        (
            changed(SECRET, "stringData.token", 1.5),
            CONFIG,
            "stringData.token: must be text in quotes",
        ),
        (changed(SECRET, "stringData.token", "ENC[AES256_GCM,data:x]"), CONFIG, ENCRYPTED),
        (changed(SECRET, "stringData.token", "<path:kv/data/join#token>"), CONFIG, ENCRYPTED),
        (changed(SECRET, "stringData.token", "${TOKEN}"), CONFIG, ENCRYPTED),
        (changed(SECRET, "stringData.token", "{{ .token }}"), CONFIG, ENCRYPTED),
        (changed(SECRET, "stringData.token", "$TOKEN"), CONFIG, ENCRYPTED),
        (
            {**SECRET, "stringData": {"ca.crt": CERTIFICATE}, "data": {"token": "!!!"}},
            CONFIG,
            "data.token: is not base64 of text",
        ),
        (
            {
                **SECRET,
                "stringData": {"ca.crt": CERTIFICATE},
                "data": {"token": "ENC[x]"},
                "sops": {},
            },
            CONFIG,
            ENCRYPTED,
        ),
        (
            changed(BOOTSTRAP, "stringData", {"expiration": "tomorrow"}),
            NO_KEY,
            "stringData.expiration: is not an RFC 3339 time",
        ),
        (
            changed(BOOTSTRAP, "stringData", {"expiration": "2001-13-01T00:00:00Z"}),
            NO_KEY,
            "stringData.expiration: is not an RFC 3339 time",
        ),
        (
            changed(BOOTSTRAP, "data", {"token-id": b64("abcdef")}),
            NO_KEY,
            'has no key "token-secret"',
        ),
        (
            changed(
                SECRET, "metadata.labels", {"vcluster.loft.sh/token-node-type": "control-plane"}
            ),
            CONFIG,
            "says control-plane",
        ),
        (changed(SECRET, "stringData.ca", "x"), CONFIG, ""),
        (
            {**SECRET, "stringData": None, "data": 5},
            CONFIG,
            'has no key "token", which should hold the token; it has no keys',
        ),
        ({**SECRET, "stringData": None, "data": f"token {TOKEN}"}, CONFIG, "it has no keys"),
        (
            changed(SECRET, "stringData", {"token": TOKEN, "ca.crt": "ENC[AES256_GCM,data:x]"}),
            CONFIG,
            "stringData[ca.crt]: is still encrypted or a placeholder",
        ),
        (changed(SECRET, "stringData.token", "<" * 200_000), CONFIG, "is not a bootstrap token"),
        (
            changed(SECRET, "stringData", {"token": TOKEN}),
            CONFIG,
            "certificateAuthority: is required, since the token's Secret has no ca.crt",
        ),
        (
            changed(SECRET, "stringData", {"token": TOKEN, "ca.crt": "x"}),
            CONFIG,
            "stringData[ca.crt]: must be certificates in PEM and nothing else",
        ),
        (
            changed(SECRET, "stringData", {"token": TOKEN, "ca.crt": CERTIFICATE + KEY}),
            CONFIG,
            "stringData[ca.crt]: holds a private key",
        ),
        (
            changed(SECRET, "stringData", {"token": TOKEN, "ca.crt": CERTIFICATE + "x"}),
            CONFIG,
            "must be certificates in PEM",
        ),
        (
            changed(
                SECRET, "stringData", {"token": TOKEN, "ca.crt": CERTIFICATE.replace("MII", "AII")}
            ),
            CONFIG,
            "must be certificates in PEM",
        ),
        *(
            (
                changed(SECRET, "stringData", {"token": TOKEN, "ca.crt": CERTIFICATE + other}),
                CONFIG,
                "must be certificates in PEM and nothing else",
            )
            for other in (DAMAGED, REQUEST)
        ),
        (
            changed(SECRET, "stringData", {"token": TOKEN, "ca.crt": CERTIFICATE * 200}),
            CONFIG,
            "is larger than 64 KiB",
        ),
    ],
)
def test_what_is_no_token_or_authority(
    secret: dict[str, Any], config: dict[str, Any], message: str
) -> None:
    done = function(resource_list(PROVIDER, A_CLAIM, secret, config=config))
    if message:
        assert message in refusal(done)
    else:
        assert done.code == 0


def test_two_secrets_of_one_name_need_a_namespace() -> None:
    other = changed(SECRET, "metadata.namespace", "elsewhere")
    assert (
        "Secret join is there 2 times; name its namespace: elsewhere/join, tokens/join"
        in refusal(function(resource_list(PROVIDER, A_CLAIM, SECRET, other)))
    )


def test_user_data_is_one_cloud_config_with_one_bootcmd() -> None:
    arguments = ("--max-pods=50", "--register-with-taints=a=b:NoSchedule")
    text = "".join(user_data_parts(NodeSettings("node-1", arguments), JOIN, CloudConfig()))
    assert text.startswith("#cloud-config\n")
    document = yaml.safe_load(text)
    assert document["hostname"] == "node-1"
    # A start brings a new MAC, and cloud-init would keep the first boot's network file.
    assert document["updates"] == {"network": {"when": ["boot-new-instance", "boot"]}}
    assert set(document) == {"hostname", "updates", "bootcmd"}
    [entry] = document["bootcmd"]
    assert "kubelet_arguments='--max-pods=50 --register-with-taints=a=b:NoSchedule'\n" in entry
    assert join_script() in entry
    assert guest_file("krmfn-join.service") in entry
    # Flux would substitute it where the Secret is written as stringData.
    assert "${" not in text
    assert "$$" not in text


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_bootcmd_writes_its_files_for_root_alone(tmp_path: Path, shell: str) -> None:
    """The entry, run in a folder that stands for /run, with a systemctl that only notes its calls."""
    if shutil.which(shell) is None:
        shell = "sh"
    text = "".join(user_data_parts(NodeSettings("1e3", ("--x=%s",)), JOIN, CloudConfig()))
    [entry] = yaml.safe_load(text)["bootcmd"]
    (tmp_path / "bin").mkdir()
    for name in ("systemctl", "sync"):
        tool = tmp_path / "bin" / name
        tool.write_text(f'#!/bin/sh\necho "{name} $*" >>"{tmp_path}/calls"\n')
        tool.chmod(0o755)
    script = entry.replace("/run/", f"{tmp_path}/run/")
    done = subprocess.run(
        [shell, "-c", script],
        env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
    folder = tmp_path / "run" / "krmfn"
    assert (
        (folder / "settings").read_text()
        == "node=1e3\nendpoint=https://tenant-1.example.com\nauthority=file\nkubelet_arguments=--x=%s\n"
    )
    assert (folder / "token").read_text() == f"{TOKEN}\n"
    assert (folder / "ca.crt").read_text() == CERTIFICATE
    assert (folder / "join.sh").read_text().replace(f"{tmp_path}", "") == join_script()
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    unit = tmp_path / "run" / "systemd" / "system" / "krmfn-join.service"
    assert unit.stat().st_mode & 0o777 == 0o644
    assert (
        (tmp_path / "calls").read_text()
        == "systemctl daemon-reload\nsystemctl start --no-block krmfn-join.service\nsync \n"
    )


DISK = changed(
    CONFIG,
    "spec.virtualClusters.0.joinToken",
    {"delivery": "Disk", "secretKeyRef": {"name": "elsewhere"}},
)
WITH_AUTHORITY = changed(DISK, "spec.virtualClusters.0.certificateAuthority", {"pem": CERTIFICATE})


def test_a_token_on_a_disk_is_in_nothing_that_comes_out() -> None:
    done = function(resource_list(PROVIDER, A_CLAIM, config=WITH_AUTHORITY))
    assert (done.code, done.stderr) == (0, "")
    [machine], [text] = made(done), user_data_of(done)
    spec = machine["spec"]["template"]["spec"]
    assert spec["domain"]["devices"]["disks"][-1] == {
        "name": "krmfn-join",
        "disk": {"bus": "virtio"},
    }
    assert spec["volumes"][-1] == {
        "name": "krmfn-join",
        "secret": {"secretName": "elsewhere", "volumeLabel": "krmfn-join"},
    }
    assert "token_file=token\n" in text
    assert "/run/krmfn/token <<" not in text


def test_the_disks_secret_among_the_items_is_not_ours() -> None:
    config = changed(
        DISK, "spec.virtualClusters.0.joinToken.secretKeyRef", {"name": "join", "key": "the.token"}
    )
    sealed = {
        **changed(SECRET, "stringData.token", "ENC[x]"),
        "metadata": {"name": "join", "namespace": "machines"},
    }
    done = function(resource_list(PROVIDER, A_CLAIM, sealed, config=config))
    assert done.code == 0, done.stderr
    assert "token_file=the.token\n" in user_data_of(done)[0]
    [secret] = [
        item for item in yaml.safe_load(done.stdout)["items"] if item["metadata"]["name"] == "join"
    ]
    assert secret == sealed


def test_a_flat_config_with_a_disk() -> None:
    flat = changed(changed(FLAT, "data.delivery", "Disk"), "data.certificateAuthority", "System")
    assert (
        "token_file=token\n"
        in user_data_of(function(resource_list(PROVIDER, A_CLAIM, config=flat)))[0]
    )


def test_a_disks_secret_in_another_namespace_is_reported_once() -> None:
    config = changed(
        DISK, "spec.virtualClusters.0.joinToken.secretKeyRef.namespace", "vcluster-platform"
    )
    types = [{"name": "small"}, {"name": "large"}]
    other = changed(changed(A_CLAIM, "metadata.name", "node-2"), "spec.typeRef", "large")
    said = refusal(
        function(
            resource_list(
                changed(PROVIDER, "spec.kubeVirt.nodeTypes", types), A_CLAIM, other, config=config
            )
        )
    )
    assert said.count("is vcluster-platform, but the machines are in machines") == 1


def joined_with(*arguments: str) -> Any:
    config = changed(CONFIG, "spec.virtualClusters.0.joinArguments", list(arguments))
    return function(resource_list(PROVIDER, A_CLAIM, SECRET, config=config))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bundle-path=/opt/bundle.tar.gz"], "--bundle-path /opt/bundle.tar.gz"),
        (["--bundle-path", "/opt/bundle.tar.gz", "--skip-reset"], "--bundle-path /opt/bundle.tar.gz --skip-reset"),
        (["--repository-url=https://mirror.example.com/k8s"], "--repository-url https://mirror.example.com/k8s"),
        (["--kubernetes-version", "v1.33.4"], "--kubernetes-version v1.33.4"),
        (["--skip-reset"], "--skip-reset"),
    ],
)  # fmt: skip
def test_arguments_of_the_join_script(arguments: list[str], words: str) -> None:
    done = joined_with(*arguments)
    assert done.code == 0, done.stderr
    [text] = user_data_of(done)
    quoted = words if words == "--skip-reset" else f"'{words}'"
    assert f"\n  join_arguments={quoted}\n" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--force-join"], "joinArguments: has --force-join: krmfn always passes it"),
        (["--node-name=x"], "joinArguments: has --node-name: krmfn names the node after its claim"),
        (["--skip-join"], "joinArguments: has --skip-join: the node would never join"),
        (["--bundle-paht=/x"], '(did you mean "--bundle-path"?)'),
        (["/opt/x"], 'has "/opt/x", no flag of the join script'),
        (["--bundle-path"], "has --bundle-path without its value"),
        (["--bundle-path", "--skip-reset"], "has --bundle-path without its value"),
        (["--skip-reset=false"], "has --skip-reset with a value"),
        (["--skip-reset", "--skip-reset"], "has --skip-reset twice"),
        (["--repository-url=http://x"], "has a --repository-url that is not an https URL"),
        (["--repository-url=https://u:p@x"], "has a --repository-url with a user name"),
        (["--bundle-path=$(id)"], "joinArguments[0]: "),
        (["--bundle-path=a b"], "joinArguments[0]: "),
        (["--bundle-path='a'"], "joinArguments[0]: "),
        (["--bundle-path=${A}"], "joinArguments[0]: "),
    ],
)
def test_arguments_that_the_join_script_can_not_have(arguments: list[str], said: str) -> None:
    assert said in refusal(joined_with(*arguments))


def test_a_refused_flag_is_told_once() -> None:
    assert refusal(joined_with("--node-name", "x")).count("error: ") == 1


@pytest.mark.parametrize(
    ("group", "kind", "spec"),
    [
        ("bitnami.com/v1alpha1", "SealedSecret", {"encryptedData": {"token": "AgB"}}),
        ("external-secrets.io/v1", "ExternalSecret", {"target": {"name": "join"}}),
        ("secrets.hashicorp.com/v1beta1", "VaultStaticSecret", {"destination": {"name": "join"}}),
        ("secrets.hashicorp.com/v1beta1", "VaultDynamicSecret", {"destination": {"name": "join"}}),
        (
            "external-secrets.io/v1",
            "ClusterExternalSecret",
            {"externalSecretName": "x", "externalSecretSpec": {"target": {"name": "join"}}},
        ),
        ("external-secrets.io/v1", "ClusterExternalSecret", {"externalSecretName": "join"}),
        ("onepassword.com/v1", "OnePasswordItem", {}),
        (
            "isindir.github.com/v1alpha3",
            "SopsSecret",
            {"secretTemplates": [None, {"name": "a"}, {"name": "join"}]},
        ),
    ],
)
@pytest.mark.parametrize("namespace", ["tokens", "elsewhere"])
def test_a_secret_that_an_operator_makes_is_named(
    group: str, kind: str, spec: dict[str, Any], namespace: str
) -> None:
    name = "other" if any(word in kind for word in ("Vault", "External", "Sops")) else "join"
    maker = {
        "apiVersion": group,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
    config = changed(CONFIG, "spec.virtualClusters.0.joinToken.secretKeyRef.namespace", "tokens")
    said = refusal(function(resource_list(PROVIDER, A_CLAIM, maker, config=config)))
    message = f"Secret tokens/join is not among the items: {kind} tokens/{name} makes it in the "
    message += "cluster, where krmfn can't read it; with joinToken.delivery: Disk the machines"
    assert (message in said) == (namespace == "tokens")
