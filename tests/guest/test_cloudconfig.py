"""The user's cloud-init is merged with krmfn's, and refused if the node would then never join."""

import base64
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from krmfn.guest import go_template as gotemplate
from krmfn.problems import Collector, Place
from tests.platform.test_properties import PUBLIC, shared
from tests.support import (
    CLAIM,
    CONFIG,
    PROVIDER,
    SECRET,
    by_name,
    changed,
    function,
    refusal,
    resource_list,
)

VOLUMES = "spec.kubeVirt.virtualMachineTemplate.spec.template.spec.volumes"
ROOT = PROVIDER["spec"]["kubeVirt"]["virtualMachineTemplate"]["spec"]["template"]["spec"][
    "volumes"
][0]
USER_DATA = "vcluster.com/user-data"
READABLE = changed(CONFIG, "spec.secretEncoding", "stringData")


def with_property(text: str, *items: dict[str, Any], key: str = USER_DATA, **more: str) -> Any:
    claim = changed(CLAIM, "spec.properties", {key: text, **more})
    return function(resource_list(PROVIDER, claim, SECRET, *items, config=READABLE))


def with_volume(
    source: dict[str, Any],
    *items: dict[str, Any],
    kind: str = "cloudInitNoCloud",
    **properties: str,
) -> Any:
    provider = changed(PROVIDER, VOLUMES, [ROOT, {"name": "init", kind: source}])
    claim = changed(CLAIM, "spec.properties", properties)
    return function(resource_list(provider, claim, SECRET, *items, config=READABLE))


def merged(done: Any) -> dict[str, Any]:
    """The user data as cloud-init reads it; its first bootcmd is always the join."""
    text = by_name(done)["Secret", "node-1-cloud-init"]["stringData"]["userdata"]
    assert text.startswith("#cloud-config\nhostname: node-1\nupdates:\n")
    assert "\nbootcmd:\n- |\n  # krmfn: join" in text
    document = yaml.safe_load(text)
    assert document.pop("hostname") == "node-1"
    if document["updates"] == AT_EVERY_BOOT:
        del document["updates"]
    ours, *theirs = document["bootcmd"]
    assert "start --no-block krmfn-join.service\nsync\n)" in ours
    return {**document, "bootcmd": theirs}


AT_EVERY_BOOT = {"network": {"when": ["boot-new-instance", "boot"]}}

# What makes a join disappear, in forms that put it elsewhere: here it joins, or it is refused.
JOINS = [
    ("runcmd: [exit 3]", {"runcmd": ["exit 3"]}),
    ("bootcmd: [[swapoff, -a], exit 3]", {"bootcmd": [["swapoff", "-a"], "exit 3"]}),
    ("cloud_final_modules: [final-message]", {"cloud_final_modules": ["final-message"]}),
    ("power_state: {mode: reboot}", {"power_state": {"mode": "reboot"}}),
    ("\ufeff#cloud-config\nntp: {enabled: true}", {"ntp": {"enabled": True}}),
    ("\ufeffntp: {enabled: true}", {"ntp": {"enabled": True}}),
    ("#cloud-config\r\nruncmd:\r\n- a\r\n", {"runcmd": ["a"]}),
    ("\n#cloud-config \n# Mime-Version: 1.0\nruncmd: [a]\n", {"runcmd": ["a"]}),
    ("runcmd: []\nwrite_files: []\nbootcmd: []", {}),
    ("", {}),
    ("#cloud-config\n", {}),
    ("updates: {network: {when: [boot]}}", {}),
    (
        "updates: {network: {when: [hotplug, boot]}, storage: {when: [boot]}}",
        {
            "updates": {
                "network": {"when": ["boot-new-instance", "boot", "hotplug"]},
                "storage": {"when": ["boot"]},
            }
        },
    ),
    ("hostname: node-1\nfqdn: node-1.example.com", {"fqdn": "node-1.example.com"}),
    (
        "cloud_init_modules: [bootcmd, set_hostname, update-hostname]",
        {"cloud_init_modules": ["bootcmd", "set_hostname", "update-hostname"]},
    ),
    (
        "merge_how: [{name: list, settings: [replace]}]",
        {"merge_how": [{"name": "list", "settings": ["replace"]}]},
    ),
    # Values as cloud-init's own YAML reader takes them, not as kustomize's.
    (
        "package_update: yes\npackage_upgrade: off",
        {"package_update": True, "package_upgrade": False},
    ),
    (
        "write_files: [{path: /x, permissions: 0644}]",
        {"write_files": [{"path": "/x", "permissions": 0o644}]},
    ),
    ("mac: 02:00:00:00:00:01\nratio: 0:0", {"mac": "02:00:00:00:00:01", "ratio": "0:0"}),
    (
        "ssh_pwauth: y\nswap: {size: 1_000, maxsize: 0x10}",
        {"ssh_pwauth": "y", "swap": {"size": 1000, "maxsize": 16}},
    ),
    (
        "a: &x {b: [1, 1.5, null, ~]}\nc: *x\nd: {<<: *x}",
        {key: {"b": [1, 1.5, None, None]} for key in "acd"},
    ),
    (
        "runcmd: ['echo ${HOME} $(id) {{ x }} %s `y` \"z\"']",
        {"runcmd": ['echo ${HOME} $(id) {{ x }} %s `y` "z"']},
    ),
]
REFUSED = [
    ("runcmd: exit", "runcmd: is text; must be a list, or cloud-init drops it"),
    ("bootcmd: exit", "bootcmd: is text; must be a list"),
    ("bootcmd: {a: b}", "bootcmd: is a mapping; must be a list"),
    ("bootcmd: [{a: b}]", "bootcmd[0]: is a mapping; must be a command"),
    ("bootcmd: [null]", "bootcmd[0]: is null; must be a command"),
    ("write_files: {a: b}", "write_files: is a mapping; must be a list"),
    ("write_files: [a]", "write_files[0]: must be a mapping with a path"),
    (
        "write_files: [{path: /run/krmfn/join.sh}]",
        'write_files[0].path: is "/run/krmfn/join.sh", which the join writes',
    ),
    ("write_files: [{path: /var/lib/krmfn/joined}]", "which the join writes"),
    ("ssh_authorized_keys: x", "ssh_authorized_keys: is"),
    ("updates: boot", "updates: is text; must be a mapping"),
    ("updates: {network: [boot]}", "updates.network: is a list; must be a mapping"),
    ("updates: {network: {when: boot}}", "updates.network.when: is text; must be a list"),
    ("hostname: other", 'sets hostname to "other"; the host is named after its claim, node-1'),
    ("fqdn: other.example.com", 'sets fqdn to "other.example.com"'),
    ("hostname: 12", "hostname: is a number; must be text"),
    ("preserve_hostname: true", "preserve_hostname: is set"),
    (
        "cloud_init_modules: [set_hostname]",
        "cloud_init_modules: is without bootcmd, update_hostname",
    ),
    (
        "cloud_init_modules: [[bootcmd, once], set_hostname, update_hostname]",
        "cloud_init_modules: is without bootcmd",
    ),
    ("cloud_init_modules: all", "cloud_init_modules: is without bootcmd"),
    ("a: [\nb: c", "is not YAML"),
    ("a: 1\na: 2", 'has the key "a" twice'),
    ("- a", "is a list; must be a mapping"),
    ("text", 'is "text"; must be a mapping'),
    ("a: 1\n---\nb: 2", "must be one YAML document"),
    ("expires: 2030-01-01", "expires: is a date or time"),
    ("at: 12:30:45", "at: is a date or time"),
    ("a: .inf", "a: is not a number"),
    ("a: !!python/object:os.system x", "unknown tag"),
    ("#!/bin/sh\necho", "is a script; only a #cloud-config can be merged"),
    ("#include\nhttp://x", "is a list of files to include"),
    ("#cloud-config-archive\n- x", "is an archive"),
    ("#cloud-boothook\nx", "is a boot hook"),
    ("## template: jinja\n#cloud-config\n{}", "is a Jinja template"),
    ("Content-Type: multipart/mixed; boundary=x", "is a MIME message"),
    ('{"ignition": {"version": "3.3.0"}}', "is an Ignition config"),
    ("\x1f\x8babc", "is compressed"),
]


@pytest.mark.parametrize(("text", "expected"), JOINS)
def test_what_is_merged(text: str, expected: dict[str, Any]) -> None:
    assert merged(with_property(text)) == {"bootcmd": [], **expected}


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_is_refused(text: str, message: str) -> None:
    assert message in refusal(with_property(text))
    volume = text if text.startswith(("#", "Content", "{", "\x1f")) else f"#cloud-config\n{text}"
    assert message in refusal(with_volume({"userData": volume}))


NTP = "#cloud-config\nntp: {servers: [a]}\nruncmd: [first]\n"
ENCODED = base64.b64encode(NTP.encode()).decode()


def base_secret(**data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "base", "namespace": "machines"},
        "stringData": data,
    }


OWN_VOLUMES: list[tuple[dict[str, Any], list[Any]]] = [
    ({"userData": NTP}, []),
    ({"userDataBase64": ENCODED}, []),
    ({"secretRef": {"name": "base"}}, [base_secret(userdata=NTP)]),
    ({"secretRef": {"name": "base"}}, [base_secret(userData=NTP)]),
]
MORE = {USER_DATA: "runcmd: [second]\nntp: {pools: [b]}"}


@pytest.mark.parametrize("kind", ["cloudInitNoCloud", "cloudInitConfigDrive"])
@pytest.mark.parametrize(("source", "items"), OWN_VOLUMES)
def test_a_templates_own_volume_keeps_its_place_and_gets_our_secret(
    source: dict[str, Any], items: list[Any], kind: str
) -> None:
    done = with_volume(source, *items, kind=kind, **MORE)
    assert merged(done) == {
        "bootcmd": [],
        "ntp": {"servers": ["a"], "pools": ["b"]},
        "runcmd": ["first", "second"],
    }
    vm = by_name(done)["VirtualMachine", "node-1"]
    assert vm["spec"]["template"]["spec"]["volumes"] == [
        ROOT,
        {"name": "init", kind: {"secretRef": {"name": "node-1-cloud-init"}}},
    ]
    assert [
        disk["name"] for disk in vm["spec"]["template"]["spec"]["domain"]["devices"]["disks"]
    ] == ["root", "init"]


DHCP = "version: 2\nethernets: {eth0: {dhcp4: true}}\n"


@pytest.mark.parametrize(
    ("source", "items"),
    [
        ({"networkData": DHCP}, []),
        ({"networkDataBase64": base64.b64encode(DHCP.encode()).decode()}, []),
        ({"networkDataSecretRef": {"name": "base"}}, [base_secret(networkdata=DHCP)]),
        ({"networkDataSecretRef": {"name": "base"}}, [base_secret(networkData=DHCP)]),
    ],
)
def test_a_templates_own_network_data(source: dict[str, Any], items: list[Any]) -> None:
    objects = by_name(with_volume(source, *items))
    assert yaml.safe_load(
        objects["Secret", "node-1-cloud-init"]["stringData"]["networkdata"]
    ) == yaml.safe_load(DHCP)
    volume = objects["VirtualMachine", "node-1"]["spec"]["template"]["spec"]["volumes"][1]
    assert volume["cloudInitNoCloud"]["networkDataSecretRef"] == {"name": "node-1-cloud-init"}


STATIC = {
    "kubevirt.vcluster.com/network-cidr": "10.0.0.0/24",
    "kubevirt.vcluster.com/network-nameservers": "10.0.0.1",
}


@pytest.mark.parametrize(
    ("source", "kind", "properties", "message"),
    [
        (
            {"userData": NTP, "userDataBase64": ENCODED},
            "cloudInitNoCloud",
            {},
            "has userData and userDataBase64; KubeVirt takes one",
        ),
        ({"userDataBase64": "%"}, "cloudInitNoCloud", {}, "userDataBase64: is not base64 of text"),
        (
            {"userData": "ntp: {}"},
            "cloudInitNoCloud",
            {},
            "userData: does not begin with #cloud-config",
        ),
        ({"userData": 1}, "cloudInitNoCloud", {}, "userData: is 1; must be text"),
        (
            {"secretRef": {"name": "missing"}},
            "cloudInitNoCloud",
            {},
            "Secret missing is not among the items; there is machines/base",
        ),
        (
            {"secretRef": {"name": "base"}},
            "cloudInitNoCloud",
            {},
            "names Secret machines/base, which has no key userdata",
        ),
        ({"networkData": "a: b"}, "cloudInitNoCloud", {}, "networkData: is not a network config"),
        ({"userData": NTP}, "cloudInitConfigDrive", STATIC, "a static address is NoCloud's"),
    ],
)
def test_volumes_that_can_not_be_merged(
    source: dict[str, Any], kind: str, properties: dict[str, str], message: str
) -> None:
    assert message in refusal(with_volume(source, base_secret(other="x"), kind=kind, **properties))


def test_two_cloud_init_volumes() -> None:
    volumes = [
        ROOT,
        {"name": "a", "cloudInitNoCloud": {"userData": NTP}},
        {"name": "b", "cloudInitNoCloud": {"userData": NTP}},
    ]
    done = function(resource_list(changed(PROVIDER, VOLUMES, volumes), CLAIM, SECRET))
    assert "is one of several cloud-init volumes" in refusal(done)


def test_a_volume_named_cloudinit_may_be_the_templates_own() -> None:
    done = function(
        resource_list(
            changed(PROVIDER, VOLUMES, [ROOT, {"name": "cloudinit", "cloudInitNoCloud": {}}]),
            CLAIM,
            SECRET,
        )
    )
    assert done.code == 0, done.stderr


def test_keys_that_may_log_in() -> None:
    done = with_property(
        f"ssh_authorized_keys: [other, {PUBLIC}]",
        shared("SSHKey", "me", publicKey=f"{PUBLIC}\n"),
        **{"vcluster.com/ssh-keys": "me"},
    )
    assert merged(done)["ssh_authorized_keys"] == ["other", PUBLIC]


def templated(text: str, *items: dict[str, Any], **properties: str) -> Any:
    template = shared("MachineConfigTemplate", "t", cloudInitTemplate=text)
    return with_property(
        "t", template, *items, key="vcluster.com/user-data-template-config", **properties
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "runcmd: ['{{ .Values.NodeClaim.Name }} {{ .Values.Project }}']",
            {"runcmd": ["node-1 default"]},
        ),
        (
            "a: {{ .Values.NodeClaim.Namespace }}/{{ .Values.NodeClaim.Spec.VClusterRef }}",
            {"a": "p-default/tenant-1"},
        ),
        ('a: {{ index .Values.Properties "example.com/a" }}', {"a": "value"}),
        ("a: {{ .Values.Properties.plain }}", {"a": 9000}),
        ("a: b {{- /* a comment */ -}}  \nc: d", {"a": "bc: d"} if False else {"a": "b"}),
        (
            "users:\n{{- range .Values.SSHKeys }}\n- {{ . }}\n{{- end }}\n",
            {"users": [PUBLIC], "ssh_authorized_keys": [PUBLIC]},
        ),
        ("hostname: {{ .Values.NodeClaim.Name }}\nruncmd: [a]", {"runcmd": ["a"]}),
        # The actions and functions that the vendor's documentation uses.
        (
            "{{ if .Values.SSHKeys }}users: [default]{{ end }}\na: b",
            {"a": "b", "users": ["default"], "ssh_authorized_keys": [PUBLIC]},
        ),
        ("{{ if .Values.Properties.plain }}a: b{{ else }}c: d{{ end }}", {"a": "b"}),
        (
            "{{ with .Values.Properties.none }}a: b{{ else }}c: {{ .Values.Project }}{{ end }}",
            {"c": "default"},
        ),
        ("timezone: {{ .Values.Project | quote }}", {"timezone": "default"}),
        ('timezone: {{ .Values.Properties.tz | default "UTC" }}', {"timezone": "UTC"}),
        (
            'a: {{ index .Values.Properties "tz" | default .Values.Project | quote }}',
            {"a": "default"},
        ),
        ("a: {{ .Values.Properties.evil | quote }}", {"a": 'b: "c"\n#'}),
        (
            "a: |\n{{ .Values.Properties.script | indent 2 }}\nb: c",
            {"a": "if x\n  y\n\nfi\n", "b": "c"},
        ),
        (
            "a: | {{- .Values.Properties.script | nindent 2 }}\nb: c",
            {"a": "if x\n  y\n\nfi\n", "b": "c"},
        ),
        (
            "{{ $p := .Values.Project }}{{ range $i, $k := .Values.SSHKeys }}k{{ $i }}: {{ $p }}\n{{ end }}a: b",
            {"a": "b", "k0": "default", "ssh_authorized_keys": [PUBLIC]},
        ),
        (
            'a: [{{ list .Values.Project .Values.NodeClaim.Name | join ", " }}]',
            {"a": ["default", "node-1"]},
        ),
        ('a: {{ printf "%s/%s" .Values.Project .Values.NodeClaim.Name }}', {"a": "default/node-1"}),
    ],
)
def test_templates(text: str, expected: dict[str, Any]) -> None:
    if "comment" in text:
        text = text.replace("  \nc: d", "")
    keys = {"vcluster.com/ssh-keys": "me"} if "SSHKeys" in text else {}
    done = templated(
        text,
        shared("SSHKey", "me", publicKey=PUBLIC),
        **{
            "example.com/a": "value",
            "plain": "9000",
            "evil": 'b: "c"\n#',
            "script": "if x\n  y\n\nfi\n",
        },
        **keys,
    )
    assert merged(done) == {"bootcmd": [], **expected}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: {{ block .Values.Project }}b{{ end }}",
            'spec.cloudInitTemplate: line 1: "block .Values.Project" is not read by krmfn: block is',
        ),
        (
            "b: c\na: {{ .Values.Project | sha1sum }}",
            'line 2: ".Values.Project | sha1sum" is not read by krmfn: it knows no function sha1sum',
        ),
        ("a: {{ $x }}", '"$x" is not read by krmfn: variable $x is not defined'),
        ("a: {{ if .Values.Project }}b{{ else }}", "has an if without end"),
        ("a: {{ else }}", "has an else without if, with or range"),
        (
            "a: {{ if .Values.SSHKey }}b{{ end }}",
            'asks for ".Values.SSHKey", which is not text here',
        ),
        ("a: {{ .Values.NodeClaim.Labels }}", 'asks for ".Values.NodeClaim.Labels"'),
        (
            "a:\n{{ range .Values.Properties }}- {{ .Values.Project }}\n{{ end }}",
            'asks for ".Values.Project", which is not text here: in range and with, write $.Values',
        ),
        ("a: {{ .Values.Properties.none | quote }}", 'asks for ".Values.Properties.none"'),
        ("a: {{ eq .Values.Project 1 }}", "compares values of different kinds, which Go refuses"),
        ("a: {{ upper 5 }}", "has a number or a bool where a function needs a text"),
        ("a: {{ upper }}", "calls upper with 0 values, which it does not take"),
        ("a: {{ .Values.Properties.list | indent 2 }}", "changes the document's structure"),
        ("a:\n{{ .Values.Properties.list | indent 2 }}", "changes the document's structure"),
        ("a: '{{ .Values.Properties.apostrophe | squote }}'", "is not YAML"),
        ("{{ range $.Values.Properties }}" * 9 + "x" + "{{ end }}" * 9, "takes more than 100000"),
        ("{{ if true }}" * 50 + "x" + "{{ end }}" * 50, "nests more than 40 blocks"),
        ("a: {{ " + "(" * 50 + "1" + ")" * 50 + " }}", "nests more than 40 parentheses"),
        (
            "a: {{ .Values.Nothing }}",
            'asks for ".Values.Nothing", which is not text here; there are .Values.NodeClaim.Name',
        ),
        ('a: {{ index .Values.Properties "x" }}', 'asks for ".Values.Properties.x"'),
        ("a: {{ .Values.SSHKeys }}", "which is not text here"),
        ("a: {{ range .Values.Project }}{{ end }}x", "line 1"),
        ("a: {{ range .Values.SSHKeys }}", "has a range without end"),
        ("a: {{ end }}", "has an end without range"),
        ("a: {{ .Values.Project", "has {{ without }}"),
        ("runcmd: {{ .Values.Project }}", "runcmd: is"),
        ('a: {{ index .Values.Properties "evil" }}', "changes the document's structure"),
        ('a: "{{ index .Values.Properties "quote" }}"', "changes the document's structure"),
        ('a: {{ index .Values.Properties "lines" }}', "which has control characters"),
        ("hostname: x-{{ .Values.NodeClaim.Name }}", 'sets hostname to "x-node-1"'),
    ],
)
def test_templates_that_are_refused(text: str, message: str) -> None:
    properties = {"evil": "b: c", "quote": '"', "lines": "x\nruncmd: [evil]"}
    properties |= {"list": "- a\n- b", "apostrophe": "it's"}
    done = templated(text, **properties)
    if message == "line 1":
        assert done.code == 1
    else:
        assert message in refusal(done)


def test_user_data_wins_over_a_template() -> None:
    template = shared("MachineConfigTemplate", "t", cloudInitTemplate="a: template")
    assert (
        merged(
            with_property(
                "a: property", template, **{"vcluster.com/user-data-template-config": "t"}
            )
        )["a"]
        == "property"
    )


def test_a_template_without_the_field_that_is_asked_for() -> None:
    template = shared("MachineConfigTemplate", "t", networkDataTemplate="x")
    assert "names a MachineConfigTemplate without cloudInitTemplate" in refusal(
        with_property("t", template, key="vcluster.com/user-data-template-config")
    )


def safe_load(text: str, at: Place, problems: Collector) -> Any:
    try:
        return yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        problems.append(at.error(str(error)))
        return None


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_a_value_arrives_as_itself_or_is_refused(value: str) -> None:
    problems = Collector()
    template = gotemplate.parse(
        "a: {{ .Values.X }}\nb: '{{ .Values.X }}'\nc: [\"{{ .Values.X }}\", {d: e}]\nf: |\n  {{ .Values.X }}.\n",
        Place(),
        problems,
    )
    assert template
    text = gotemplate.filled(template, {"X": value}, safe_load, problems)
    assert (text is None) == problems.has_errors
    if text is None:
        return
    document = yaml.safe_load(text)
    assert str(document.pop("a")) == value
    assert document == {"b": value, "c": [value, {"d": "e"}], "f": f"{value}.\n"}


LAID_OUT = [
    "a: {{ .Values.X | quote }}\nz: end\n",
    "a: '{{ .Values.X }}'\nz: end\n",
    'a: {{ printf "%q" .Values.X }}\nz: end\n',
    "a: {{ .Values.Properties.none | default .Values.X | quote }}\nz: end\n",
    "{{ with $x := .Values.X }}a: {{ $x | quote }}\n{{ end }}z: end\n",
]
LINES = st.text(st.sampled_from("ab:-#|>'\"{}[],&*!%@` \n\t\\"), max_size=12)


@given(LINES, st.sampled_from(LAID_OUT))
def test_a_value_that_is_laid_out_arrives_as_itself_or_is_refused(value: str, text: str) -> None:
    problems = Collector()
    template = gotemplate.parse(text, Place(), problems)
    assert template
    filled = gotemplate.filled(template, {"X": value, "Properties": {}}, safe_load, problems)
    assert (filled is None) == problems.has_errors
    if filled is not None:
        expected = {"a": value, "z": "end"}
        assert yaml.safe_load(filled) == (expected if value or "with" not in text else {"z": "end"})


@given(LINES, st.sampled_from(["| indent 4", "| nindent 4", "| quote | indent 1", "| upper"]))
def test_no_value_adds_to_a_document(value: str, function: str) -> None:
    problems = Collector()
    text = f"a:\n  b: |\n{{{{ .Values.X {function} }}}}\n  c: d\nz: end\n"
    template = gotemplate.parse(text, Place(), problems)
    assert template
    filled = gotemplate.filled(template, {"X": value}, safe_load, problems)
    if filled is not None:
        document = yaml.safe_load(filled)
        assert list(document) == ["a", "z"]
        assert list(document["a"]) == ["b", "c"]
        assert document["a"]["c"] == "d"


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**6), 10**6)
        | st.text(
            st.characters(codec="utf-8", max_codepoint=0xFFFD, exclude_categories=["Cs", "Cc"])
        ),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("abz0:-# y"), inner),
        max_leaves=8,
    )
)
def test_what_cloud_init_reads_is_what_the_user_wrote(value: Any) -> None:
    text = yaml.safe_dump({"data": value}, allow_unicode=True)
    assert merged(with_property(text)) == {"bootcmd": [], "data": value}


def test_a_host_name_is_told_once_at_its_text() -> None:
    text = "#cloud-config\nhostname: vm1\n"
    volumes = [
        {"name": "root", "persistentVolumeClaim": {"claimName": "x"}},
        {"name": "ci", "cloudInitNoCloud": {"userData": text}},
    ]
    path = "spec.kubeVirt.virtualMachineTemplate.spec.template.spec.volumes"
    provider = changed(PROVIDER, path, volumes)
    types = [{"name": "small"}, {"name": "large"}]
    provider = changed(provider, "spec.kubeVirt.nodeTypes", types)
    claims = [changed(CLAIM, "metadata.name", name) for name in ("c1", "c2", "vm1")]
    claims[1] = changed(claims[1], "spec.typeRef", "large")
    said = refusal(function(resource_list(provider, *claims, SECRET)))
    assert said.count("sets hostname") == 1
    message = (
        'cloudInitNoCloud.userData: sets hostname to "vm1"; each host is named after its claim'
    )
    assert f"error: NodeProvider edge: {path}[1].{message}, c1, c2\n" in said
    # A property's cloud-config is merged over it.
    properties = {"vcluster.com/user-data": "fqdn: c1.example.com"}
    other = changed(changed(provider, path, volumes[:1]), "spec.properties", properties)
    said = refusal(function(resource_list(other, *claims, SECRET)))
    at = "error: NodeProvider edge: spec.properties[vcluster.com/user-data]"
    assert f'{at}: sets fqdn to "c1.example.com"; each host is named after' in said
    assert function(resource_list(other, claims[0], SECRET)).code == 0
