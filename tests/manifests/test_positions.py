"""What is wrong in a text that stands in a file has the file's line and column."""

from pathlib import Path

import pytest
import yaml

from tests.support import CONFIG, PROVIDER, SECRET, changed, krmfn

TENANT = """\
# two lines
# before it
apiVersion: v1
kind: ConfigMap
metadata:
  name: values
  labels: {krmfn.dev/vcluster: tenant-1}
data:
  vcluster.yaml: HEAD
    privateNodes:
      enabled: true

      autoNodes:
      - provider: edge
        static:
        - name: workers
          quantity: 2
          nodeTypeSelector:
          - {property: vcluster.com/node-type, value: small}
"""
USER_DATA = """\
apiVersion: v1
kind: Secret
metadata: {name: base, namespace: machines}
stringData:
  userdata: |
    #cloud-config
    users:
    - name: a
    users: []
"""


def said(folder: Path, tenant: str, provider: object = PROVIDER) -> str:
    for name, item in (("provider", provider), ("token", SECRET), ("config", CONFIG)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(item))
    (folder / "tenant.yaml").write_text(tenant)
    done = krmfn("render", cwd=folder)
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("head", ["|", "|-", "|+"])
@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        (
            "value: small",
            "value: smal",
            "19:13: ConfigMap values: data[vcluster.yaml].privateNodes",
        ),
        (
            "quantity: 2",
            "quantity: two",
            "17:11: ConfigMap values: data[vcluster.yaml].privateNodes",
        ),
        (
            "quantity: 2",
            "quantities: 2",
            "17:11: ConfigMap values: data[vcluster.yaml].privateNodes",
        ),
        (
            "provider: edge",
            "provider: [",
            "16:9: ConfigMap values: data[vcluster.yaml]: is not YAML",
        ),
        ("quantity: 2", "name: two", "17:11: ConfigMap values: data[vcluster.yaml]: has the key"),
        (
            "quantity: 2",
            "quantity: {{ .n }}",
            "17:21: ConfigMap values: data[vcluster.yaml]: has {{",
        ),
    ],
)
def test_a_vcluster_yaml_in_a_literal_block(
    head: str, right: str, wrong: str, place: str, tmp_path: Path
) -> None:
    text = TENANT.replace("HEAD", head).replace(right, wrong)
    assert f"error: tenant.yaml:{place}" in said(tmp_path, text)


def test_a_vcluster_yaml_in_quotes_has_the_line_of_its_field(tmp_path: Path) -> None:
    lines = TENANT.split("\n")
    inner = "\n".join(line[4:] for line in lines[9:]).replace("quantity: 2", "quantity: [")
    text = "\n".join([*lines[:8], f"  vcluster.yaml: {yaml.dump(inner, default_style=chr(34))}"])
    place = "tenant.yaml:9:3: ConfigMap values: data[vcluster.yaml]: line 10, column 7: is not YAML"
    assert f"error: {place}" in said(tmp_path, text)


def test_user_data_of_a_secret(tmp_path: Path) -> None:
    volume = {"name": "seed", "cloudInitNoCloud": {"secretRef": {"name": "base"}}}
    path = "spec.kubeVirt.virtualMachineTemplate.spec.template.spec.volumes"
    root = {"name": "root", "persistentVolumeClaim": {"claimName": "root"}}
    provider = changed(PROVIDER, path, [root, volume])
    (tmp_path / "base.yaml").write_text(USER_DATA)
    text = TENANT.replace("HEAD", "|")
    place = 'base.yaml:9:5: Secret machines/base: stringData.userdata: has the key "users" twice'
    assert f"error: {place}" in said(tmp_path, text, provider)


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("!!str\n    |", 18),
        ("&a\n    |", 18),
        ("!!str # | a comment\n\n    # |\n    |", 20),
        ("&a |", 17),
    ],
)
def test_what_stands_before_the_block_counts(head: str, line: int, tmp_path: Path) -> None:
    text = TENANT.replace("HEAD", head).replace("quantity: 2", "quantity: two")
    place = f"tenant.yaml:{line}:11: ConfigMap values: data[vcluster.yaml].privateNodes"
    assert f"error: {place}" in said(tmp_path, text)


def test_what_never_ends_is_wrong_at_its_own_end(tmp_path: Path) -> None:
    lines = [*TENANT.replace("HEAD", "|").split("\n")[:9], "    privateNodes: [a,", "  other: x"]
    place = "tenant.yaml:10:22: ConfigMap values: data[vcluster.yaml]: is not YAML"
    assert f"error: {place}" in said(tmp_path, "\n".join(lines))


CLOUD_INIT = """\
apiVersion: management.loft.sh/v1
kind: MachineConfigTemplate
metadata: {name: base}
spec:
  cloudInitTemplate: |
    #cloud-config
    write_files:
    #{{ if eq 1 2 }}
    - path: /etc/one
    #{{ end }}
    - path: /run/krmfn/three
"""


def test_a_template_has_other_lines_than_what_comes_of_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(CLOUD_INIT)
    path = "spec.kubeVirt.nodeTypes.0.properties"
    provider = changed(PROVIDER, path, {"vcluster.com/user-data-template-config": "base"})
    shown = said(tmp_path, TENANT.replace("HEAD", "|"), provider)
    assert "error: base.yaml:5:3: MachineConfigTemplate base: spec.cloudInitTemplate" in shown


def test_an_element_of_a_list_that_has_lost_its_kind(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kinD: NodeClaim\n-\n- a: b\n"
    )
    shown = said(tmp_path, TENANT.replace("HEAD", "|"))
    assert (
        'list.yaml:4:3: items[0]: has an apiVersion, but no kind; write kind instead of "kinD"'
        in shown
    )
    assert "items[1]: is null; must be an object" in shown
    assert "items[2]" not in shown
