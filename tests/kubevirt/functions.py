"""KubeVirt's validation functions that no rule stands for, each with the reason."""

CALLER = "calls the others"
CLUSTER = "not judged: it depends on a part of the cluster's configuration that krmfn does not read"
LIVE = "not judged: it is about a machine that exists"
ELSEWHERE = {
    "ValidateVirtualMachineSpec": CALLER,
    "ValidateVirtualMachineInstanceSpec": CALLER,
    "ValidateCreation": CALLER,
    "ValidateDisks": CALLER,
    "Validate": CALLER,
    "validateBridgeBinding": f"{CLUSTER} (`permitBridgeInterfaceOnPodNetwork`, on by default)",
    "validateGraceIOVirtualization": f"{CLUSTER} (`permittedHostDevices`)",
    "validateGraceIOVirtualizationAnnotations": f"{CLUSTER} (`permittedHostDevices`)",
    "validateRestoreStatus": LIVE,
    "validateSnapshotStatus": LIVE,
    "validateVolumeRequests": LIVE,
}
