"""Inputs of up to 10 MB that are made to be slow or large, each run once: `make bench-limits` prints the table of bench/README.md."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.support import CLAIM, CONFIG, PROVIDER, SECRET, changed, resource_list  # noqa: E402

KRMFN = str(ROOT / ".venv" / "bin" / "krmfn")
LARGEST = 10_000_000
TEMPLATE = "spec.kubeVirt.virtualMachineTemplate"


def listed(*items: dict[str, Any], **config: Any) -> str:
    """A ResourceList as text."""
    chosen = CONFIG
    for path, value in config.items():
        chosen = changed(chosen, f"spec.{path}", value)
    return json.dumps(resource_list(*items, config=chosen))


def with_text(value: str, path: str = "spec.displayName") -> str:
    """A ResourceList with raw text in a field that krmfn does not render."""
    return listed(changed(PROVIDER, path, "VALUE"), CLAIM, SECRET).replace('"VALUE"', value)


def foreign(value: str, count: int) -> str:
    """A ResourceList with that many more items."""
    return listed(PROVIDER, CLAIM, SECRET).replace(
        '"items": [', '"items": [' + ", ".join([value] * count) + ", "
    )


def claims(count: int, **fields: Any) -> list[dict[str, Any]]:
    """Claims that differ in their names, and in a field where its value is a function of the number."""
    made = []
    for number in range(count):
        claim = changed(CLAIM, "metadata.name", f"node-{number}")
        for path, value in fields.items():
            claim = changed(claim, "spec." + path, value(number))
        made.append(claim)
    return made


def types(count: int, **fields: Any) -> list[dict[str, Any]]:
    """Node types."""
    return [{"name": f"type-{number}", **fields} for number in range(count)]


def annotations(count: int, size: int = 20) -> dict[str, str]:
    """Annotations of a VM template."""
    return {f"example.com/key-{number}": "x" * size for number in range(count)}


def pools(count: int, quantity: int) -> str:
    """Static pools of plain nodes."""
    static = [{"name": f"pool-{number}", "quantity": quantity} for number in range(count)]
    values = {
        "privateNodes": {"enabled": True, "autoNodes": [{"provider": "edge", "static": static}]}
    }
    return listed(PROVIDER, SECRET, **{"virtualClusters.0.values": values})


CASES: dict[str, Callable[[], str]] = {
    "5,000,000 levels deep": lambda: with_text("[" * 5_000_000),
    "3,300,000 empty lists": lambda: with_text("[" + "[]," * 3_300_000 + "[]]"),
    "50,000 items nested 90 deep": lambda: foreign('{"a": ' + "[" * 90 + "]" * 90 + "}", 50_000),
    "1,000,000 keys": lambda: with_text("{" + ",".join(f"k{n}: " for n in range(1_000_000)) + "}"),
    "1,600,000 keys of one name": lambda: with_text("{" + "a: 1," * 1_600_000 + "}"),
    "2,500,000 documents": lambda: "---\n" * 2_500_000,
    "10 MB of blanks": lambda: " " * LARGEST,
    "10 MB of line breaks": lambda: "\n" * LARGEST,
    "10 MB of comments": lambda: "#\n" * (LARGEST // 2),
    "10 MB of commas": lambda: "[" + "," * LARGEST,
    "10 MB of quotes": lambda: with_text('"' + "\\\\" * (LARGEST // 2 - 1000) + '"'),
    "10 MB of one key": lambda: with_text("{" + "x" * LARGEST + ": 1}"),
    "10 MB of digits": lambda: with_text("9" * (LARGEST - 1000)),
    "10 MB of controls": lambda: with_text('"' + "\\x01" * (LARGEST // 4 - 1000) + '"'),
    "2,000,000 aliases": lambda: with_text("[&a x" + ", *a" * 2_000_000 + "]"),
    "800,000 anchors": lambda: with_text("[" + ",".join(f"&a{n} x" for n in range(800_000)) + "]"),
    "90,000 merges": lambda: with_text("[&a {x: 1}" + ", {<<: *a}" * 90_000 + "]"),
    "200,000 foreign items": lambda: foreign('{"apiVersion": "v1", "kind": "Secret"}', 200_000),
    "130,000 broken claims": lambda: foreign(
        '{"kind": "NodeClaim", "apiVersion": "storage.loft.sh/v1"}', 130_000
    ),
    "500,000 unknown fields": lambda: listed(
        PROVIDER, changed(CLAIM, "spec", {f"f{n}": 1 for n in range(500_000)}), SECRET
    ),
    "2,000 annotations x 2,000 types": lambda: listed(
        changed(
            changed(PROVIDER, TEMPLATE + ".metadata", {"annotations": annotations(2_000)}),
            "spec.kubeVirt.nodeTypes",
            types(2_000),
        ),
        changed(CLAIM, "spec.typeRef", "type-1"),
        SECRET,
    ),
    "90,000 node types": lambda: listed(
        changed(PROVIDER, "spec.kubeVirt.nodeTypes", types(90_000)),
        changed(CLAIM, "spec.typeRef", "type-1"),
        SECRET,
    ),
    "10,000 types with patches": lambda: listed(
        changed(
            PROVIDER,
            "spec.kubeVirt.nodeTypes",
            types(
                10_000,
                mergeVirtualMachineTemplate={
                    "spec": {"template": {"spec": {"domain": {"cpu": {"cores": 2}}}}}
                },
            ),
        ),
        changed(CLAIM, "spec.typeRef", "type-1"),
        SECRET,
    ),
    "1 MB of annotations x 1,000 claims": lambda: listed(
        changed(PROVIDER, TEMPLATE + ".metadata", {"annotations": annotations(1_000, 1_000)}),
        *claims(1_000),
        SECRET,
    ),
    "200 KB of annotations x 5,000 claims": lambda: listed(
        changed(PROVIDER, TEMPLATE + ".metadata", {"annotations": annotations(200, 1_000)}),
        *claims(5_000),
        SECRET,
    ),
    "a pool of 50,000": lambda: pools(1, 50_000),
    "100 pools of 50,000": lambda: pools(100, 50_000),
    "50,000 pools of one": lambda: pools(50_000, 1),
    "40,000 claims": lambda: listed(PROVIDER, *claims(40_000), SECRET),
    "30,000 claims, each with properties of its own": lambda: listed(
        PROVIDER, *claims(30_000, properties=lambda n: {"example.com/a": str(n)}), SECRET
    ),
    "10,000 claims, each with user data of its own": lambda: listed(
        PROVIDER,
        *claims(
            10_000,
            properties=lambda n: {
                "vcluster.com/user-data": f"#cloud-config\nruncmd: [[echo, '{n}']]\n"
            },
        ),
        SECRET,
    ),
    "10,000 claims, each with a patch of its own": lambda: listed(
        PROVIDER,
        *claims(
            10_000,
            properties=lambda n: {
                "kubevirt.vcluster.com/merge-virtual-machine-template": json.dumps(
                    {"spec": {"template": {"spec": {"domain": {"cpu": {"cores": n + 1}}}}}}
                )
            },
        ),
        SECRET,
        allowClaimTemplates=True,
    ),
    "user data of 900 kB x 1,000 claims": lambda: listed(
        changed(
            PROVIDER,
            "spec.properties",
            {"vcluster.com/user-data": "#cloud-config\nruncmd: [" + "x" * 900_000 + "]\n"},
        ),
        *claims(1_000),
        SECRET,
    ),
    "user data of 2,000,000 commands": lambda: listed(
        changed(
            PROVIDER,
            "spec.properties",
            {"vcluster.com/user-data": "#cloud-config\nruncmd:\n" + "- a\n" * 2_000_000},
        ),
        CLAIM,
        SECRET,
    ),
    "100,000 requirements, 2,000 types": lambda: listed(
        changed(PROVIDER, "spec.kubeVirt.nodeTypes", types(2_000)),
        changed(
            changed(CLAIM, "spec.typeRef", None),
            "spec.requirements",
            [{"key": f"k{n}", "operator": "Exists"} for n in range(100_000)],
        ),
        SECRET,
    ),
    "5,000 claims of 1,000 types, each with a requirement of its own": lambda: listed(
        changed(PROVIDER, "spec.kubeVirt.nodeTypes", types(1_000)),
        *(
            changed(claim, "spec.typeRef", None)
            for claim in claims(
                5_000,
                requirements=lambda n: [
                    {"key": "example.com/a", "operator": "NotIn", "values": [str(n)]}
                ],
            )
        ),
        SECRET,
    ),
    "a template of 100,000 disks": lambda: listed(
        changed(
            changed(
                PROVIDER,
                TEMPLATE + ".spec.template.spec.domain.devices.disks",
                [{"name": f"d{n}", "disk": {}} for n in range(100_000)],
            ),
            TEMPLATE + ".spec.template.spec.volumes",
            [{"name": f"d{n}", "emptyDisk": {"capacity": "1Gi"}} for n in range(100_000)],
        ),
        CLAIM,
        SECRET,
    ),
    "a patch of 60,000 volumes": lambda: listed(
        changed(
            changed(
                PROVIDER,
                TEMPLATE + ".spec.template.spec.volumes",
                [{"name": f"d{n}", "emptyDisk": {"capacity": "1Gi"}} for n in range(60_000)],
            ),
            "spec.kubeVirt.nodeTypes.0.mergeVirtualMachineTemplate",
            {
                "spec": {
                    "template": {
                        "spec": {
                            "volumes": [
                                {"name": f"d{n}", "emptyDisk": {"capacity": "2Gi"}}
                                for n in range(60_000)
                            ]
                        }
                    }
                }
            },
        ),
        CLAIM,
        SECRET,
    ),
    "20,000 virtual clusters": lambda: listed(
        PROVIDER,
        SECRET,
        *claims(20_000, vClusterRef=lambda n: f"t-{n}"),
        virtualClusters=[
            {**CONFIG["spec"]["virtualClusters"][0], "name": f"t-{n}"} for n in range(20_000)
        ],
    ),
    "20,000 ranges of addresses": lambda: listed(
        PROVIDER,
        *claims(
            20_000,
            properties=lambda n: {
                "kubevirt.vcluster.com/network-cidr": "10.0.0.0/8",
                "kubevirt.vcluster.com/network-ip-range": f"10.{n // 250}.{n % 250}.1-10.{n // 250}.{n % 250}.9",
                "kubevirt.vcluster.com/network-nameservers": "10.0.0.1",
            },
        ),
        SECRET,
    ),
    "a range of 250,000 parts": lambda: listed(
        changed(
            PROVIDER,
            "spec.properties",
            {
                "kubevirt.vcluster.com/network-cidr": "10.0.0.0/8",
                "kubevirt.vcluster.com/network-ip-range": ",".join(
                    f"10.{n // 65536}.{n // 256 % 256}.{n % 256}" for n in range(256, 500_000, 2)
                ),
                "kubevirt.vcluster.com/network-nameservers": "10.0.0.1",
            },
        ),
        CLAIM,
        SECRET,
    ),
}


def measured(source: str) -> tuple[float, float, int, int, str]:
    """Seconds of processor time, MiB at most, bytes out, the exit code and the first line of what it says."""
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as out:
        file.write(source.encode())
        file.seek(0)
        code = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdin=sys.stdin, stdout=sys.stdout, stderr=subprocess.PIPE)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
said = done.stderr[:90].decode(errors="replace").split("\\n")[0]
print(used.ru_utime + used.ru_stime, used.ru_maxrss, done.returncode, said, file=sys.stderr)
"""
        done = subprocess.run(
            [sys.executable, "-c", code, KRMFN],
            stdin=file,
            stdout=out,
            stderr=subprocess.PIPE,
            check=True,
            text=True,
        )
        seconds, memory, returned, said = (*done.stderr.strip("\n").split(" ", 3), "")[:4]
        return float(seconds), int(memory) // 1024, out.seek(0, 2), int(returned), said


def rows(names: list[str]) -> Iterator[str]:
    """The table, a line a case."""
    yield "| input | size | CPU s | peak memory | output | exit | says |\n|---|---|---|---|---|---|---|"
    for name, make in CASES.items():
        if not names or any(part in name for part in names):
            source = make()
            seconds, memory, size, code, said = measured(source)
            said = said.replace("|", "\\|")
            yield f"| {name} | {len(source) / 1e6:.1f} MB | {seconds:.1f} | {memory} MiB | {size / 1e6:.1f} MB | {code} | {said} |"


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
    for row in rows(sys.argv[1:]):
        print(row, flush=True)
