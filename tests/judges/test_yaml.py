"""kustomize and kubectl read the scalars that krmfn writes or passes on as krmfn means them."""

import yaml

from krmfn.manifests.yamlio import dump, scalar
from tests.support import function, oracle, resource_list

AWKWARD = [
    "", " ", "yes", "No", "on", "OFF", "y", "N", "true", "False", "null", "~", "Null", "1", "-1", "+1", "012", "0o14", "0x1F", "0b11", "1_000",
    "1e3", "1E3", "1.0", ".5", ".inf", ".nan", "1:30", "1:30:00", "2001-01-01", "2001-12-14t21:59:43Z", "<<", "=", "-", "- a", "? a", ": a", "a: b",
    "a:", "a #b", "#a", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "'a'", '"a"', "[a]", "{a}", "a,b", "\\", "é", "a\tb", "a\nb", "a\n", "\na",
    " a\nb", "a \nb\n", "a\n\n", "\x7f", "\x85", "\u2028", "\ufeff", "😀", "docker://quay.io/x:22.04", "20Gi", "5m", "1e3-cloud-init", "{{ x }}", "$(A)",
]  # fmt: skip


def test_awkward_strings_come_back_as_themselves_from_kustomize_and_kubectl() -> None:
    document = {f"k{index}": value for index, value in enumerate(AWKWARD)} | {
        value: "key" for value in AWKWARD if value
    }
    for texts in (
        dump(document),
        "".join(f"{scalar(key)}: {scalar(value)}\n" for key, value in document.items()),
    ):
        [answer] = oracle("yaml", [texts])
        assert answer["kyaml"] == {"value": document}
        assert answer["sigs"] == {"value": document}
        assert yaml.safe_load(texts) == document


def test_kustomize_reads_the_same_scalars_before_and_after() -> None:
    scalars = [
        "yes",
        "on",
        "n",
        "TRUE",
        "1e3",
        "012",
        "0o14",
        "0b11",
        "0x1F",
        "1_000",
        "08",
        "010.5",
        "1:30",
        "2001-01-01",
        "1.0",
        "~",
        "null",
    ]
    scalars += [
        "'yes'",
        '"1e3"',
        "'012'",
        "|-\n      a\n      b",
        ">-\n      a\n      b",
        "!!str 1",
        "a  # b",
        "'#'",
        "1e400",
        ".5",
        "-0",
        "+1",
        "0x",
        "é",
    ]
    foreign = "".join(f"    k{index}: {text}\n" for index, text in enumerate(scalars))
    source = (
        yaml.safe_dump(resource_list())
        + f"- apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: foreign}}\n  data:\n{foreign}"
    )
    source = source.replace("kind: ResourceList\n", "")
    head, _, items = source.partition("items:\n")
    done = function(f"{head}kind: ResourceList\nitems:\n{items}")
    assert done.code == 0, done.stderr
    assert foreign in done.stdout
    before, after = oracle(
        "yaml",
        [
            f"data:\n{foreign}",
            "data:\n"
            + done.stdout.split("  data:\n")[1]
            .split("- apiVersion")[0]
            .partition("functionConfig")[0],
        ],
    )
    assert before["kyaml"] == after["kyaml"]
