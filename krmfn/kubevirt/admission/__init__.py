"""KubeVirt's admission rules (v1.8.2, `ValidateVirtualMachineSpec` and what it calls).

Each module holds the rules of one topic, and each rule is one small function.
"""

from krmfn.kubevirt.admission import (
    choices,
    cpu,
    data_volumes,
    devices,
    disks,
    firmware,
    gates,
    interfaces,
    machine,
    memory,
    networks,
    pod,
    probes,
    resources,
    volumes,
)
from krmfn.kubevirt.admission.rule import Finding, Rule

__all__ = ["RULES", "Finding", "Rule"]

# In the order of the machine's fields, which is the order in the documentation and in messages.
RULES: tuple[Rule, ...] = (
    *machine.RULES,
    *resources.RULES,
    *memory.RULES,
    *cpu.RULES,
    *gates.RULES,
    *disks.RULES,
    *volumes.RULES,
    *firmware.RULES,
    *data_volumes.RULES,
    *devices.RULES,
    *networks.RULES,
    *interfaces.RULES,
    *probes.RULES,
    *choices.RULES,
    *pod.RULES,
)
