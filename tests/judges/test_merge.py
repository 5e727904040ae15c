"""apimachinery's strategic merge gives what krmfn's gives, on thousands of random patches."""

import subprocess
from random import Random
from typing import Any

import pytest

from krmfn.kubevirt.merge import merge
from krmfn.kubevirt.merge_elements import MergeError
from tests.kubevirt.test_merge import SPREAD, Case
from tests.support import ROOT, TOOLS, oracle

FIELDS: dict[str, list[str]] = {
    "": ["metadata", "spec", "status", "Spec", "bogus"],
    "spec": ["template", "runStrategy", "dataVolumeTemplates", "instancetype"],
    "template": ["spec", "metadata"],
    "template.spec": [
        "domain",
        "volumes",
        "networks",
        "tolerations",
        SPREAD,
        "nodeSelector",
        "hostname",
        "taints",
        "affinity",
    ],
    "domain": ["cpu", "memory", "resources", "devices", "machine"],
    "devices": ["disks", "interfaces", "rng"],
    "resources": ["requests", "limits"],
    "cpu": ["cores", "sockets", "threads"],
    "memory": ["guest", "hugepages"],
    "metadata": ["labels", "annotations", "finalizers", "ownerReferences", "name"],
}


class Pairs:
    """Random bases and patches, shaped like VirtualMachines, with all directives, and now and then with nonsense."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def anything(self, depth: int = 0) -> Any:
        choice = self.random.random()
        if choice < 0.4:
            return self.random.choice(["a", "b", "", 1, 2, True, False, 1.5, None])
        if choice < 0.6:
            return [self.random.choice("abc") for _ in range(self.random.randrange(4))]
        keys = ["a", "b", "domain", "cpu", "metadata", "labels", "$patch", "$retainKeys"]
        return (
            {
                self.random.choice(keys): self.anything(depth + 1)
                for _ in range(self.random.randrange(4))
            }
            if depth < 3
            else "z"
        )

    def keyed(self, key: str, patch: bool) -> list[Case]:
        elements: list[Case] = []
        for value in self.random.sample(["z1", "z2", "z3", "z4"], self.random.randrange(5)):
            element = {key: value, "maxSkew": self.random.randrange(3)}
            if patch and self.chance(0.1):
                element["$patch"] = self.random.choice(["delete", "replace", "merge"])
            if self.chance(0.04):
                del element[key]
            elements.append(element)
        return elements

    def field(self, out: Case, kind: str, name: str, patch: bool) -> None:
        if self.chance(0.06):
            out[name] = None if patch and self.chance(0.5) else self.anything()
        elif name in (SPREAD, "ownerReferences"):
            key = "topologyKey" if name == SPREAD else "uid"
            out[name] = self.keyed(key, patch)
            # Deleting under an order is left out: there the original depends on what Go's append did to its memory.
            if patch and self.chance(0.3) and not any("$patch" in element for element in out[name]):
                values = [element.get(key) for element in out[name]] + self.random.sample(
                    ["z1", "z2", "z3", "z4"], 2
                )
                out[f"$setElementOrder/{name}"] = [{key: value} for value in dict.fromkeys(values)]
        elif name == "finalizers":
            out[name] = self.random.sample(["f1", "f2", "f3", "f4"], self.random.randrange(5))
            if patch and self.chance(0.3):
                out["$deleteFromPrimitiveList/finalizers"] = out.pop(name)
            elif patch and self.chance(0.3):
                out["$setElementOrder/finalizers"] = list(dict.fromkeys([*out[name], "f1", "f4"]))
        elif name in ("labels", "annotations", "nodeSelector", "requests", "limits"):
            out[name] = {
                self.random.choice("abc"): self.random.choice("xyz")
                for _ in range(self.random.randrange(4))
            }
        elif name in (
            "disks",
            "volumes",
            "networks",
            "interfaces",
            "dataVolumeTemplates",
            "tolerations",
        ):
            out[name] = [
                {"name": self.random.choice("abc"), "x": self.anything(2)}
                for _ in range(self.random.randrange(4))
            ]
        elif name in FIELDS:
            out[name] = self.mapping(
                "template.spec" if (kind, name) == ("template", "spec") else name, patch
            )
        else:
            out[name] = self.anything(2)

    def mapping(self, kind: str, patch: bool) -> Case:
        out: Case = {}
        for name in self.random.sample(
            FIELDS[kind], self.random.randint(1, min(4, len(FIELDS[kind])))
        ):
            self.field(out, kind, name, patch)
        if patch and self.chance(0.03):
            out["$patch"] = self.random.choice(["replace", "delete", "merge", 3, None])
        if patch and self.chance(0.05):
            out["$retainKeys"] = [*list(out)[: self.random.randrange(5)], "cpu"]
        return out


def test_apimachinery_makes_the_same_of_it() -> None:
    pairs = Pairs(seed=1)
    cases = [
        {"base": pairs.mapping("", False), "patch": pairs.mapping("", True)} for _ in range(4000)
    ]
    merged = refused = 0
    for case, answer in zip(cases, oracle("merge", cases), strict=True):
        possible = [answer, *answer.get("others", [])]
        try:
            result: Any = merge(case["base"], case["patch"])
        except MergeError:
            assert any("error" in one for one in possible), case
            refused += 1
        else:
            assert any(one.get("result") == result for one in possible), case
            merged += 1
    assert merged > 1000
    assert refused > 200


@pytest.mark.parametrize("document", ["types", "descriptions"])
def test_the_types_are_the_ones_of_kubevirt(document: str) -> None:
    made = subprocess.run(
        [TOOLS / "oracle-light", document], capture_output=True, text=True, check=True
    )
    assert made.stdout == (ROOT / "krmfn" / "kubevirt" / f"{document}.json").read_text()
