"""`krmfn check` refuses a machine exactly if KubeVirt does: every version that krmfn knows, with no feature gate and with all of them.

KubeVirt's part is what an API server does (defaults, pruning, schema), the mutating and the validating webhook for
machines, and both webhooks for the instance that its controller would make.
"""

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from krmfn.commands.check import check
from krmfn.kubevirt.cluster import known_gates, known_versions
from krmfn.kubevirt.merge import without_nulls
from tests.judges.test_rules import machine
from tests.kubevirt.functions import ELSEWHERE
from tests.kubevirt.mutations import GOOD, TOPICS, mutations
from tests.support import TOOLS, is_taken, judged

COUNT = 5000
NEWEST, OLDEST = known_versions()[-1], known_versions()[0]
VERSIONS = [
    pytest.param(version, marks=() if version in (NEWEST, OLDEST) else pytest.mark.versions)
    for version in known_versions()
]
# What CDI and the API server refuse later is judged by a live cluster (tests/live).
# Where krmfn is stricter than KubeVirt, on purpose: what would fail at the start.
POD = (
    "node-selector",
    "tolerations",
    "probes",
    "resources",
    "volumes",
    "cpu-model",
    "priority-class",
)
STRICTER = {
    "zero-memory": "1Mi or more",
    "guest-memory": "above the memory limit",
    "empty-disk": "above 0",
    "access-credentials": "KubeVirt's pod has a volume",
    "volume-gate": "ContainerPathVolumes",
    "data-volume-import": "",
    "firmware-uuid": "",
    **{f"pod-{what}": "" for what in POD},
}
# Where krmfn can only warn: what the control plane runs on decides.
WARNED = "feature gate MultiArchitecture"


def machines() -> list[dict[str, Any]]:
    made = []
    for number, spec in enumerate(mutations(COUNT, [*GOOD, *TOPICS])):
        vm: dict[str, Any] = without_nulls(machine(spec))
        vm["metadata"]["name"] = f"m{number}"
        if isinstance(vm["spec"].get("template"), dict) and isinstance(
            vm["spec"]["template"].get("spec"), dict
        ):
            made.append(vm)
    return made


def findings(
    folder: Path, vms: list[dict[str, Any]], version: str, gates: tuple[str, ...]
) -> dict[str, list[dict[str, Any]]]:
    """What `krmfn check` says, by the name of the machine."""
    config = {
        "apiVersion": "krmfn.dev/v1alpha1",
        "kind": "KubeVirtNodes",
        "metadata": {"name": "n"},
        "spec": {
            "kubevirt": {"version": version, "featureGates": list(gates)},
            "virtualClusters": [
                {
                    "name": "t",
                    "endpoint": "t.example.com",
                    "joinToken": {"secretKeyRef": {"name": "x", "key": "y"}},
                }
            ],
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    found: dict[str, list[dict[str, Any]]] = {}
    # A report shows a thousand problems.
    for start in range(0, len(vms), 200):
        file = folder / "machines.json"
        items = {"apiVersion": "v1", "kind": "List", "items": vms[start : start + 200]}
        file.write_text(json.dumps(items))
        reply = check([str(file)], "json", str(folder / "config.json"))
        for result in json.loads(reply.stdout)["results"]:
            found.setdefault(result["resourceRef"]["name"], []).append(result)
    return found


@pytest.mark.parametrize("gates", [(), known_gates()], ids=["no-gate", "every-gate"])
@pytest.mark.parametrize("version", VERSIONS)
def test_check_and_kubevirt_agree(version: str, gates: tuple[str, ...], tmp_path: Path) -> None:
    vms = machines()
    found = findings(tmp_path, vms, version, gates)
    counts: Counter[str] = Counter()
    differing = []
    for vm, answer in zip(vms, judged(vms, version, gates), strict=True):
        said = found.get(vm["metadata"]["name"], [])
        errors = [one for one in said if one["severity"] == "error"]
        verdict = _verdict(errors, said, answer)
        counts[verdict] += 1
        if verdict == "differs":
            differing.append(f"{json.dumps(vm['spec'])}\n  KubeVirt: {answer}\n  krmfn: {errors}")
    print(f"\nKubeVirt {version}, {len(gates)} gates: {dict(counts)}")
    assert not differing, "\n".join(differing[:5])
    # The judge sees enough of both, and of machines that never start.
    assert counts["both take"] > 200
    assert counts["both refuse"] > 2000
    assert counts["never starts"] > 50


def _verdict(errors: list[dict[str, Any]], said: list[Any], answer: dict[str, list[str]]) -> str:
    if is_taken(answer):
        if not errors:
            return "both take"
        on_purpose = all(STRICTER.get(_code(one), "\0") in one["message"] for one in errors)
        return "stricter" if on_purpose else "differs"
    if errors:
        return "never starts" if answer["instance"] else "both refuse"
    if any(WARNED in one["message"] for one in said):
        return "warned"
    return "differs"


def _code(result: dict[str, Any]) -> str:
    return str(result["tags"]["code"])


def test_every_function_of_kubevirt_is_covered(tmp_path: Path) -> None:
    """docs/rules.md names a rule, or the reason why there is none, for each validation function that machines reach."""
    gates = list(known_gates())
    lines = "".join(json.dumps({"vm": vm, "featureGates": gates}) + "\n" for vm in machines())
    subprocess.run(
        [TOOLS / "oracle-cover", "vm"],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "GOCOVERDIR": str(tmp_path)},
    )
    told = subprocess.run(
        ["go", "tool", "covdata", "func", f"-i={tmp_path}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split() for line in told.splitlines() if line.startswith("kubevirt.io/")]
    reached = {row[1].rpartition(".")[2] for row in rows if row[2] != "0.0%"}
    functions = {name for name in reached if name.lower().startswith("validate")}
    page = Path(__file__).parents[2].joinpath("docs", "rules.md").read_text()
    listed = set(re.findall(r"^\| `(\w+)` \| ", page.partition("| function |")[2], re.MULTILINE))
    print(f"\n{len(functions)} validation functions reached: {', '.join(sorted(functions))}")
    assert len(functions) > 100
    assert functions <= listed
    assert set(ELSEWHERE) <= functions
