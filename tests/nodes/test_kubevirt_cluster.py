"""What the cluster runs decides what is refused: the config says it, or a KubeVirt object among the items."""

from typing import Any

import pytest
import yaml

from tests.support import (
    CLAIM,
    CONFIG,
    PROVIDER,
    SECRET,
    changed,
    function,
    made,
    refusal,
    resource_list,
)

INNER = "spec.kubeVirt.virtualMachineTemplate.spec.template.spec"
LOCAL_CONFIG = "config.kubernetes.io/local-config"


def kubevirt(
    gates: Any = None, disabled: Any = None, version: str | None = None, **more: Any
) -> dict[str, Any]:
    developer = {"featureGates": gates, "disabledFeatureGates": disabled}
    object_: dict[str, Any] = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "KubeVirt",
        "metadata": {"name": "kubevirt", "namespace": "kubevirt"},
        "spec": {"configuration": {"developerConfiguration": developer, **more}},
    }
    if version is not None:
        object_["status"] = {"observedKubeVirtVersion": version, "phase": "Deployed"}
    return object_


def run(field: str, value: Any, *items: dict[str, Any], stated: Any = None) -> Any:
    """Render a machine with one more field in its template, on a cluster."""
    config = CONFIG if stated is None else changed(CONFIG, "spec.kubevirt", stated)
    provider = changed(PROVIDER, f"{INNER}.{field}", value)
    return function(resource_list(provider, CLAIM, SECRET, *items, config=config))


HOST_DEVICE = ("domain.devices.hostDevices", [{"name": "a", "deviceName": "n/x"}])
VIDEO = ("domain.devices.video", {"type": "virtio"})
PANIC = ("domain.devices.panicDevices", [{"model": "isa"}])
REBOOT = ("domain.rebootPolicy", "Reboot")
CONTAINER_PATH = ("domain.devices.autoattachVSOCK", True)


@pytest.mark.parametrize(
    ("field", "stated", "error", "warning"),
    [
        # Nothing is known: what needs a gate somewhere is a warning that says where.
        (HOST_DEVICE, None, "", "needs the feature gate HostDevices (feature-gate)"),
        (VIDEO, None, "", "needs the feature gate VideoConfig before KubeVirt 1.9 (feature-gate)"),
        # A version alone: its own state of the gate, where that is certain.
        (VIDEO, {"version": "1.9"}, "", ""),
        (VIDEO, {"version": "v1.8.3"}, "", "needs the feature gate VideoConfig before"),
        (REBOOT, {"version": "1.9"}, "", ""),
        (REBOOT, {"version": "1.8"}, "", "needs the feature gate RebootPolicy before KubeVirt 1.9"),
        # Gates are exact.
        (HOST_DEVICE, {"featureGates": []}, "HostDevices; the cluster has it off", ""),
        (HOST_DEVICE, {"featureGates": ["HostDevices"]}, "", ""),
        (VIDEO, {"version": "1.8", "featureGates": []}, "VideoConfig before KubeVirt 1.9; the cluster", ""),
        (VIDEO, {"version": "1.8", "featureGates": ["VideoConfig"]}, "", ""),
        # On in the newest alone: without a version that can't be known.
        (VIDEO, {"featureGates": []}, "", "needs the feature gate VideoConfig before KubeVirt 1.9"),
        # A field that the version does not have.
        (VIDEO, {"version": "1.5"}, "is an unknown field of KubeVirt 1.5's VirtualMachine: it exists since 1.6", ""),
        (REBOOT, {"version": "1.7", "featureGates": ["RebootPolicy"]}, "it exists since 1.8", ""),
    ],
)  # fmt: skip
def test_what_the_config_states(field: Any, stated: Any, error: str, warning: str) -> None:
    reply = run(*field, stated=stated)
    if error:
        assert error in refusal(reply)
    else:
        assert made(reply)
        lines = [line for line in reply.stderr.splitlines() if "feature gate" in line]
        assert (warning in "".join(lines)) if warning else lines == []


@pytest.mark.parametrize(
    ("field", "object_", "error", "warning"),
    [
        (HOST_DEVICE, kubevirt(["HostDevices"]), "", ""),
        (HOST_DEVICE, kubevirt(["Other"]), "the cluster has it off", ""),
        (HOST_DEVICE, kubevirt(), "the cluster has it off", ""),
        (VIDEO, kubevirt(version="v1.9.0"), "", ""),
        (VIDEO, kubevirt(version="v1.6.2"), "the cluster has it off", ""),
        (VIDEO, kubevirt(version="v1.5.0"), "it exists since 1.6", ""),
        (REBOOT, kubevirt(version="v1.9.1"), "", ""),
        (REBOOT, kubevirt(disabled=["RebootPolicy"], version="v1.9.1"), "the cluster has it off", ""),
        # Another version is judged as the nearest.
        (VIDEO, kubevirt(version="v1.12.0"), "", "judged as for 1.9 (unknown-version)"),
        (VIDEO, kubevirt(version="v1.4.0"), "it exists since 1.6", ""),
        (VIDEO, kubevirt(version="devel"), "", "judged as for 1.9 (unknown-version)"),
    ],
)  # fmt: skip
def test_what_a_kubevirt_object_says(
    field: Any, object_: dict[str, Any], error: str, warning: str
) -> None:
    reply = run(*field, object_)
    if error:
        assert error in refusal(reply)
    else:
        assert made(reply)
        assert warning in reply.stderr
        assert "feature gate" not in reply.stderr


def test_what_the_config_states_wins() -> None:
    object_ = kubevirt(["HostDevices"], version="v1.8.0")
    assert made(run(*HOST_DEVICE, object_))
    assert "has it off" in refusal(run(*HOST_DEVICE, object_, stated={"featureGates": []}))
    assert "since 1.6" in refusal(run(*VIDEO, object_, stated={"version": "1.5"}))


def test_an_exported_object_is_input_and_a_declared_one_is_deployed() -> None:
    for object_, is_input in ((kubevirt(version="v1.9.0"), True), (kubevirt(), False)):
        reply = function(resource_list(PROVIDER, CLAIM, SECRET, object_))
        [found] = [
            item for item in yaml.safe_load(reply.stdout)["items"] if item["kind"] == "KubeVirt"
        ]
        annotations = found["metadata"].pop("annotations", {})
        assert annotations == ({LOCAL_CONFIG: "true"} if is_input else {})
        assert found == object_


def test_two_objects_are_an_error() -> None:
    said = refusal(function(resource_list(PROVIDER, CLAIM, SECRET, kubevirt(), kubevirt(["A"]))))
    assert "is a second KubeVirt object" in said


def test_other_objects_of_that_kind_are_left_alone() -> None:
    other = {**kubevirt(), "apiVersion": "example.com/v1"}
    assert made(function(resource_list(PROVIDER, CLAIM, SECRET, other, kubevirt())))
