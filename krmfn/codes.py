"""The codes of warnings and notices, each with what it means and what to do.

`spec.acceptWarnings` of the config takes them, `docs/warnings.md` lists them.
"""

from __future__ import annotations

CODES: dict[str, str] = {
    "ambiguous-node-type": (
        "A claim or pool fits several node types, and the cheapest was taken. A cheaper type that is added later would take its "
        "place. Name the type (`typeRef`, or `vcluster.com/node-type` in the pool's selector), or set `onAmbiguousNodeType: "
        "Fail`."
    ),
    "dynamic-pool": "A pool is the autoscaler's: its nodes are not rendered.",
    "ephemeral-root": (
        "The first disk of a machine is a container disk: what is written to it is lost at every restart, and the node joins "
        "anew. Boot from a DataVolume."
    ),
    "feature-gate": (
        "KubeVirt takes a field only where the cluster's configuration allows it, such as by a feature gate. krmfn can't see that; accept "
        "the warning where it does."
    ),
    "insecure-tls": (
        "The endpoint's certificate is not checked: anybody between node and endpoint can run commands as root on the node. "
        "Give a `certificateAuthority`."
    ),
    "masquerade-pod-network": (
        "The machines of a virtual cluster are masqueraded behind the pod network, where each has the same address inside: its "
        "nodes can't reach each other. Use a bridge to a network of their own."
    ),
    "merge-drops": (
        "A merge patch replaces a list, as Kubernetes' strategic merge does with all but a few, and an element of the "
        "provider's template is gone. Repeat the elements that shall stay."
    ),
    "network-order": (
        "A template lists `networks` in another order than `interfaces`. KubeVirt's controller would rewrite such a machine for ever, and "
        "GitOps rewrite it back: krmfn renders them in the interfaces' order. Write them so."
    ),
    "no-cpu": "Neither `resources` nor the template tell a node type's CPU: the guest gets 1, and 1 is counted for cost and capacity.",
    "no-pod-network": (
        "A property adds a network to a template that declares none. Such a template gets the pod network from KubeVirt, but not beside "
        "another one: declare it in the template, or set `multus-default` to say that it is not wanted."
    ),
    "no-root-disk": (
        "A machine has no disk but cloud-init's, and nothing else to boot from. Give an image (`image-url`, `image-datasource`) or a disk "
        "in the template."
    ),
    "nothing-deployed": (
        "The Platform would install a chart (`spec.kubeVirt.deploy`); krmfn installs nothing. Install it with the cluster's own manifests."
    ),
    "plaintext-token": (
        "The output holds the join token in clear, in every cloud-init Secret: don't commit it. `joinToken.delivery: Disk` keeps it out."
    ),
    "quota": (
        "`krmfn plan`: machines ask for more than a ResourceQuota among the items allows, or, while those that are to be deleted are still "
        "there, for more machines of a type than its `maxCapacity`. Kubernetes refuses what goes beyond a quota: raise it, or make the "
        "change in two steps."
    ),
    "shared-volume": (
        "Several machines are made from a template whose volume names one existing claim or DataVolume: they share the disk, "
        "which only a volume that many nodes may write stands. Use a `dataVolumeTemplates` entry, of which each machine gets "
        "its own."
    ),
    "unfit-node-type": (
        "A node type keeps all of its CPU or memory for itself (`overhead.kubeReserved`): kubelet refuses to start, and no node joins."
    ),
    "unknown-field": (
        "The template has a field that the KubeVirt version whose schema krmfn carries does not know. With `unknownFields: Warn` it is "
        "rendered: an older KubeVirt drops it, or refuses the machine."
    ),
    "unused-property": "A property has no effect, because another that it belongs to is missing, or wins over it.",
}
