"""KubeVirt's own controller makes a new disk of a new image, and a restarted machine uses it."""

from typing import Any

import pytest

from tests.kubevirt.test_changes import STRATEGIES
from tests.machine.test_data_volumes import IMAGE, STORAGE, with_disks
from tests.support import CLAIM, CONFIG, SECRET, changed, function, made, oracle, resource_list

ON_RESTART = changed(CONFIG, "spec.imageUpdates", "OnRestart")
OTHER_IMAGE = {**IMAGE, "source": {"registry": {"url": "docker://x/y:2"}}}
LARGER = {**IMAGE, "storage": {"resources": {"requests": {"storage": "6Gi"}}}}
CLONE = {"source": {"pvc": {"name": "root", "namespace": "machines"}}, "storage": STORAGE}
Machine = dict[str, Any]
# By the name of a case and the roll-out strategy.
Answers = dict[tuple[str, str], Any]


def rendered(config: dict[str, Any] = ON_RESTART, **disks: dict[str, Any]) -> Machine:
    """The machine with these disks, as krmfn renders it."""
    items = with_disks(**disks), CLAIM, SECRET
    [vm] = made(function(resource_list(*items, config=config)))
    return vm


def disks_of(vm: Machine) -> list[str]:
    """The names of a machine's DataVolumes."""
    return [template["metadata"]["name"] for template in vm["spec"]["dataVolumeTemplates"]]


def with_former(vm: Machine, former: Machine) -> Machine:
    """A machine that has the disks of a former one besides its own, each for another volume."""
    templates = [*vm["spec"]["dataVolumeTemplates"], *former["spec"]["dataVolumeTemplates"]]
    volumes = [
        {"name": f"former-{index}", "dataVolume": {"name": name}}
        for index, name in enumerate(disks_of(former))
    ]
    volumes = [*vm["spec"]["template"]["spec"]["volumes"], *volumes]
    vm = changed(vm, "spec.dataVolumeTemplates", templates)
    return changed(vm, "spec.template.spec.volumes", volumes)


FIRST, SECOND = rendered(root=IMAGE), rendered(root=OTHER_IMAGE)
CLONED = "a clone of a new disk"
# The machine before and after, and whether its volumes are on new disks after the restart.
CASES: dict[str, tuple[Machine, Machine, bool]] = {
    "another image": (FIRST, SECOND, True),
    "another size": (FIRST, rendered(root=LARGER), True),
    "from Never to OnRestart": (rendered(CONFIG, root=IMAGE), FIRST, True),
    CLONED: (
        rendered(root=IMAGE, copy=CLONE),
        rendered(root=OTHER_IMAGE, copy=CLONE),
        True,
    ),
    "a disk removed": (rendered(root=IMAGE, data=OTHER_IMAGE), FIRST, False),
    "back to a disk that stayed": (with_former(SECOND, FIRST), FIRST, False),
}


@pytest.fixture(scope="module")
def answers() -> Answers:
    """What KubeVirt does about each change, and at the restart after it."""
    keys: list[tuple[str, str]] = [(case, strategy) for case in CASES for strategy in STRATEGIES]
    questions = [
        {"strategy": strategy, "old": CASES[case][0], "new": CASES[case][1], "restart": True}
        for case, strategy in keys
    ]
    answered = dict(zip(keys, oracle("change", questions), strict=True))
    for answer in answered.values():
        assert "error" not in answer, answer
        assert answer["rejected"] == []
    return answered


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("case", CASES)
def test_the_running_machine_stays_as_it_is_until_its_restart(
    case: str, strategy: str, answers: Answers
) -> None:
    old, new, _ = CASES[case]
    answer = answers[case, strategy]
    missing = set(disks_of(new)) - set(disks_of(old))
    assert answer["actions"] == ["create datavolumes"] * len(missing)
    assert answer["patched"] == []
    assert "non-live-updatable field" in answer["restart"]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("case", CASES)
def test_the_restarted_machine_is_on_the_new_disks_and_the_old_ones_stay(
    case: str, strategy: str, answers: Answers
) -> None:
    old, new, is_new = CASES[case]
    names = [volume["name"] for volume in new["spec"]["template"]["spec"]["volumes"]]
    names.remove("cloudinit")
    assert set(disks_of(new)).isdisjoint(disks_of(old)) == is_new
    assert answers[case, strategy]["restarted"] == {
        "volumes": dict(zip(names, disks_of(new), strict=True)),
        "dataVolumes": sorted({*disks_of(old), *disks_of(new)}),
        "required": False,
    }


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_clone_is_of_the_new_disk(strategy: str, answers: Answers) -> None:
    # CDI makes the claims, and there is no CDI here: the controller says which one it waits for.
    [warning] = set(answers[CLONED, strategy]["errors"])
    image, clone = disks_of(CASES[CLONED][1])
    assert f"Source PVC {image} not available: Target PVC {clone} will remain" in warning
