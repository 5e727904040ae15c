"""yaml-language-server, which editors ask about YAML, completes, explains and marks with krmfn's schemas."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.judges.system.language_server import CURSOR, LanguageServer
from tests.support import ROOT, krmfn

pytestmark = pytest.mark.system

STARTER = ROOT / "krmfn" / "commands" / "starter"
# The schema beside the document: there is no network here.
HEAD = "# yaml-language-server: $schema=schema.json\n"
POOL = """\
privateNodes:
  enabled: true
  autoNodes:
  - provider: kubevirt
    static:
    - name: workers
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    folder = tmp_path_factory.mktemp("editor")
    (folder / "schema.json").write_text(krmfn("schema").stdout)
    with LanguageServer(folder) as running:
        yield running


def document(name: str, old: str = "", new: str = "") -> str:
    """A file of the starter, with one change."""
    text = (STARTER / name).read_text().partition("\n")[2]
    assert not old or text.count(old) == 1, old
    return HEAD + text.replace(old, new)


@pytest.mark.parametrize("name", sorted(path.name for path in STARTER.glob("*.yaml")))
def test_the_starter_is_good(server: LanguageServer, name: str) -> None:
    assert server.complaints(document(name)) == []


def test_the_starter_s_own_line_names_its_schema(tmp_path: Path) -> None:
    """Its address is replaced by the one of a file that holds what is published."""
    name = "provider.yaml"
    first, _, rest = (STARTER / name).read_text().partition("\n")
    published = ROOT / "schemas" / "v1alpha1" / first.rpartition("/")[2]
    line = f"{first.partition('=')[0]}={published.as_uri()}\n"
    with LanguageServer(tmp_path) as server:
        [complaint] = server.complaints(line + rest.replace("maxCapacity: 20", "maxCapcity: 20"))
    assert complaint.endswith("Property maxCapcity is not allowed.")


@pytest.mark.parametrize(
    ("name", "old", "new", "field", "text"),
    [
        ("provider.yaml", "    nodeTypes:", f"    {CURSOR}\n    nodeTypes:", "namespaceStrategy", "Whether the machines are in"),
        ("provider.yaml", "      maxCapacity: 5", f"      {CURSOR}", "maxCapacity", "How many nodes of this type"),
        ("provider.yaml", "              cpu:\n", f"              {CURSOR}\n              cpu:\n", "firmware", "Firmware."),
        ("provider.yaml", "                guest: 4Gi", f"                {CURSOR}", "hugepages", "Hugepages allow to use hugepages"),
        ("nodes.yaml", "  virtualClusters:", f"  {CURSOR}\n  virtualClusters:", "imageUpdates", "Whether a new image"),
        ("nodes.yaml", "      delivery: Disk", f"      {CURSOR}", "delivery", "How the token reaches the guest"),
    ],
)  # fmt: skip
def test_fields_are_proposed(
    server: LanguageServer, name: str, old: str, new: str, field: str, text: str
) -> None:
    found = server.completions(document(name, old, new))
    assert found[field].startswith(text)


def test_kinds_values_and_pools_are_proposed(server: LanguageServer) -> None:
    kinds = server.completions(f"{HEAD}apiVersion: management.loft.sh/v1\nkind: {CURSOR}\n")
    assert {"NodeProvider", "NodeClaim", "KubeVirtNodes"} <= kinds.keys()
    values = server.completions(document("nodes.yaml", "delivery: Disk", f"delivery: {CURSOR}"))
    assert {"Disk", "UserData"} <= values.keys()
    buses = document("provider.yaml", "bus: virtio", f"bus: {CURSOR}")
    assert {"virtio", "scsi"} <= server.completions(buses).keys()
    storage = "            storage:\n              resources:"
    modes = storage.replace("resources:", f"accessModes:\n              - {CURSOR}")
    assert "ReadWriteMany" in server.completions(document("provider.yaml", storage, modes))
    warnings = document("nodes.yaml", "spec:\n", f"spec:\n  acceptWarnings:\n  - {CURSOR}\n")
    assert "ambiguous-node-type" in server.completions(warnings)
    types = document(
        "provider.yaml", "      maxCapacity: 5", f"      properties:\n        {CURSOR}"
    )
    assert "kubevirt.vcluster.com/image-url" in server.completions(types)
    assert "nodeTypeSelector" in server.completions(f"{HEAD}{POOL}      {CURSOR}\n")


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("provider.yaml", "maxCapacity: 20", "maxCapcity: 20", "Property maxCapcity is not allowed."),
        ("provider.yaml", "cores: 2", "core: 2", "Property core is not allowed."),
        ("provider.yaml", "cores: 2", "cores: two", "Incorrect type. Expected one of integer, null."),
        ("provider.yaml", "      namespace: machines\n", "", 'Missing property "namespace".'),
        ("nodes.yaml", "delivery: Disk", "delivery: File", 'Value is not accepted. Valid values: "UserData", "Disk", null.'),
        ("nodes.yaml", "endpoint:", "endpoints:", "Property endpoints is not allowed."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_marked(
    server: LanguageServer, name: str, old: str, new: str, complaint: str
) -> None:
    assert complaint in [text.partition(": ")[2] for text in server.complaints(document(name, old, new))]  # fmt: skip


def test_other_documents_are_left_alone(server: LanguageServer) -> None:
    others = (
        "apiVersion: karpenter.sh/v1\nkind: NodeClaim\nspec: {a: 1}\n---\n# nothing\n---\n- a\n"
    )
    assert server.complaints(HEAD + others) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "text"),
    [
        ("provider.yaml", "maxCapacity: 20", f"max{CURSOR}Capacity: 20", "How many nodes of this type there may be"),
        ("provider.yaml", "guest: 4Gi", f"gu{CURSOR}est: 4Gi", "amount of memory which is visible inside the Guest OS"),
        ("nodes.yaml", "delivery: Disk", f"deli{CURSOR}very: Disk", "How the token reaches the guest"),
    ],
)  # fmt: skip
def test_fields_are_explained(
    server: LanguageServer, name: str, old: str, new: str, text: str
) -> None:
    assert text in server.hover(document(name, old, new))
