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
            "16:11: ConfigMap values: data[vcluster.yaml].privateNodes",
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
