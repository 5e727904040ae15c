"""KubeVirt's admission rules: what its webhooks refuse of machines, and of their instances.

Each module holds the rules of one topic, and each rule is one small function.
"""

from krmfn.kubevirt.admission import (
    affinity,
    architecture,
    choices,
    cloud_init,
    cpu,
    credentials,
    data_volumes,
    devices,
    disks,
    firmware,
    gates,
    imports,
    interfaces,
    launcher,
    machine,
    matchers,
    memory,
    networks,
    pod,
    probes,
    resource_claims,
    resources,
    security,
    volumes,
)
from krmfn.kubevirt.admission.rule import Judgement, Rule

__all__ = ["RULES", "Judgement", "Rule"]

# In the order of the machine's fields, which is the order in the documentation and in messages.
RULES: tuple[Rule, ...] = (
    *machine.RULES,
    *matchers.RULES,
    *architecture.RULES,
    *resources.RULES,
    *memory.RULES,
    *cpu.RULES,
    *gates.RULES,
    *disks.RULES,
    *volumes.RULES,
    *cloud_init.RULES,
    *firmware.RULES,
    *data_volumes.RULES,
    *imports.RULES,
    *devices.RULES,
    *security.RULES,
    *resource_claims.RULES,
    *networks.RULES,
    *interfaces.RULES,
    *probes.RULES,
    *choices.RULES,
    *credentials.RULES,
    *pod.RULES,
    *affinity.RULES,
    *launcher.RULES,
)
