"""The closed set of codes: every problem carries one of them, and the documentation lists all.

`spec.acceptWarnings` of the config takes the codes of warnings and notices. Admission rules
have codes of their own (`RuleCode`), which their table lists.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

# The code of one of KubeVirt's admission rules; only the table of rules makes them.
RuleCode = NewType("RuleCode", str)


class Code(StrEnum):
    """What a problem is about."""

    # Errors.
    INVALID = "invalid"
    YAML = "yaml"
    RESOURCE_LIST = "resource-list"
    MORE = "more"
    CAPACITY = "capacity"
    NO_NODE_TYPE = "no-node-type"
    NO_NODES = "no-nodes"
    LIVE_CLAIM = "live-claim"
    MISSING_OBJECT = "missing-object"
    UNRESOLVED_TOKEN = "unresolved-token"
    FOREIGN_OBJECT = "foreign-object"
    NAMESPACE_CHANGED = "namespace-changed"
    STALE = "stale"
    CHECK = "check"
    # Warnings and notices, which users can accept.
    AMBIGUOUS_NODE_TYPE = "ambiguous-node-type"
    BOOT_DISK = "boot-disk"
    BURSTABLE = "burstable"
    DELETED_CLAIM = "deleted-claim"
    DEPRECATED_RUNNING = "deprecated-running"
    DYNAMIC_POOL = "dynamic-pool"
    EPHEMERAL_ROOT = "ephemeral-root"
    FEATURE_GATE = "feature-gate"
    INSECURE_TLS = "insecure-tls"
    KUSTOMIZATION_IGNORED = "kustomization-ignored"
    KUSTOMIZE = "kustomize"
    LEFT_OUT = "left-out"
    LOCAL_ENDPOINT = "local-endpoint"
    LOST_ANNOTATION = "lost-annotation"
    MASQUERADE_POD_NETWORK = "masquerade-pod-network"
    MERGE_DROPS = "merge-drops"
    NETWORK_ORDER = "network-order"
    NO_CPU = "no-cpu"
    NO_DEVICE = "no-device"
    NO_FIELD_OWNERS = "no-field-owners"
    NO_POD_NETWORK = "no-pod-network"
    NO_ROOT_DISK = "no-root-disk"
    NO_SECRETS = "no-secrets"
    NODE_ANNOTATIONS = "node-annotations"
    NOT_KRMFN = "not-krmfn"
    NOT_READ = "not-read"
    NOTHING_DEPLOYED = "nothing-deployed"
    NOTHING_EARLIER = "nothing-earlier"
    NULL_FIELD = "null-field"
    OTHER_OWNER = "other-owner"
    OTHER_PROVIDER = "other-provider"
    OVERRIDDEN_LABEL = "overridden-label"
    PLAINTEXT_TOKEN = "plaintext-token"
    POD_NETWORK_ADDRESS = "pod-network-address"
    QUOTA = "quota"
    RENAMED_OBJECT = "renamed-object"
    RENAMED_OWNER = "renamed-owner"
    RESERVED_METADATA = "reserved-metadata"
    SHARED_HOST_DISK = "shared-host-disk"
    SHARED_IDENTITY = "shared-identity"
    SHARED_VOLUME = "shared-volume"
    UNFIT_NODE_TYPE = "unfit-node-type"
    UNKNOWN_FIELD = "unknown-field"
    UNKNOWN_VERSION = "unknown-version"
    UNUSED_PROPERTY = "unused-property"


# What each error means.
ERRORS: dict[Code, str] = {
    Code.INVALID: (
        "A value, a field or an object is not what krmfn or the cluster takes. The message "
        "says what would be right."
    ),
    Code.YAML: "A text is not YAML that every reader reads the same.",
    Code.RESOURCE_LIST: "Standard input is not one ResourceList.",
    Code.MORE: "There are more problems than are shown.",
    Code.CAPACITY: "More claims ask for a node type than its `maxCapacity` allows.",
    Code.NO_NODE_TYPE: "No node type meets what a claim or pool asks for.",
    Code.NO_NODES: "A listed virtual cluster has no claim, so a prune would delete its machines.",
    Code.MISSING_OBJECT: "An object that another one names is not among the items.",
    Code.LIVE_CLAIM: (
        "A claim has a status or names a machine, so the Platform runs that machine. "
        "`liveClaims: Render` of the config renders it all the same."
    ),
    Code.UNRESOLVED_TOKEN: "A token is still encrypted, or a placeholder.",
    Code.FOREIGN_OBJECT: "An object that krmfn did not make has the name of one that it makes.",
    Code.NAMESPACE_CHANGED: "A provider's namespace changed while machines exist in the old one.",
    Code.STALE: "`krmfn render -o DIR --check`: the folder is not what the declarations give.",
    Code.CHECK: "A check that the command line asked for failed (`--fail-on`, `--max-deletions`).",
}

# What each warning or notice means, and what to do about it.
WARNINGS: dict[Code, str] = {
    Code.AMBIGUOUS_NODE_TYPE: (
        "A claim or pool fits several node types, and the cheapest was taken. A cheaper type "
        "that is added later would take its place. Name the type (`typeRef`, or "
        "`vcluster.com/node-type` in the pool's selector), or set `onAmbiguousNodeType: "
        "Fail`."
    ),
    Code.BOOT_DISK: (
        "A machine boots from a data disk or cloud-init's, since it comes before the root disk. "
        "Without a `bootOrder` the firmware boots from the first disk, and from no other. (Disks "
        "count by bus: a SATA disk, the default, comes right after a SATA CD-ROM.) Put the root "
        "disk first, or give it `bootOrder: 1`."
    ),
    Code.BURSTABLE: (
        "A template's requests equal its limits, so that its machines have the quality of service "
        "Guaranteed. A node type's `resources` lower a request below the limit, which makes them "
        "Burstable: under pressure they are evicted sooner. Lower the limit in the node type's "
        "`mergeVirtualMachineTemplate` as well."
    ),
    Code.DELETED_CLAIM: (
        "A claim is being deleted (`metadata.deletionTimestamp`): its node is not rendered."
    ),
    Code.DEPRECATED_RUNNING: (
        "A template sets `spec.running`, which KubeVirt deprecates: its webhook prints a warning "
        "at each apply. Write `runStrategy: Always` for `running: true`, and `runStrategy: Halted` "
        "for `running: false`."
    ),
    Code.DYNAMIC_POOL: "A pool is the autoscaler's: its nodes are not rendered.",
    Code.EPHEMERAL_ROOT: (
        "A machine's root disk is a container disk or an ephemeral volume: what is written to it "
        "is lost at every restart, and the node joins again. Boot from a DataVolume."
    ),
    Code.FEATURE_GATE: (
        "KubeVirt takes a field only where the cluster's configuration allows it, such as by "
        "a feature gate. krmfn can't see that; accept the warning where it does."
    ),
    Code.INSECURE_TLS: (
        "The endpoint's certificate is not checked: anybody between node and endpoint can run "
        "commands as root on the node. Give a `certificateAuthority`."
    ),
    Code.KUSTOMIZATION_IGNORED: (
        "A folder has a kustomization that does more than list files, such as patches, labels or "
        "another namespace, or that leaves out files with declarations. krmfn reads the files as "
        "they are, so what kustomize builds is something else. Use `-k DIR`, which builds the "
        "kustomization first."
    ),
    Code.KUSTOMIZE: (
        "`-k DIR`: kustomize, or a function that it ran, printed this line and went on."
    ),
    Code.LOCAL_ENDPOINT: (
        "The endpoint of a virtual cluster is `localhost` or an address such as 127.0.0.1, which "
        "to a node is the node itself. A kubeconfig has it if it was made for a port-forward. Name "
        "the address at which nodes reach the tenant's API server. If each node has a proxy of its "
        "own there, accept the warning."
    ),
    Code.LOST_ANNOTATION: (
        "An annotation or label for Argo CD or Flux, such as `Prune=confirm`, is on a declaration "
        "and on no machine. Declarations are not applied, so it does nothing. kustomize's "
        "`commonAnnotations` and `labels` beside krmfn's `transformers` end up there. Set it under "
        "`spec.annotations.virtualMachine` of the config, or for one pool under "
        "`spec.virtualClusters[].pools`. (Those of a NodeClaim go to its machine.)"
    ),
    Code.MASQUERADE_POD_NETWORK: (
        "The machines of a virtual cluster are masqueraded behind the pod network, where each "
        "has the same address inside: its nodes can't reach each other. Use a bridge to a "
        "network of their own."
    ),
    Code.MERGE_DROPS: (
        "A merge patch replaces a list, as Kubernetes' strategic merge does with all but a "
        "few, and an element of the provider's template is gone. Repeat the elements that "
        "you want to keep."
    ),
    Code.NETWORK_ORDER: (
        "A template lists `networks` in another order than `interfaces`. KubeVirt's "
        "controller would rewrite such a machine for ever, and GitOps rewrite it back: krmfn "
        "renders them in the interfaces' order. Write them so."
    ),
    Code.NO_CPU: (
        "Neither `resources` nor the template tell a node type's CPU: the guest gets 1, and 1 "
        "is counted for cost and capacity."
    ),
    Code.NO_DEVICE: (
        "A node type's `resources` name a device, such as `nvidia.com/gpu`, that its machines do "
        "not have, or fewer of it: `resources` are for choosing a type. Add the device to the "
        "template, under `domain.devices.gpus` or `hostDevices`. Accept the warning where one "
        "device counts as several, as with time-slicing or MIG."
    ),
    Code.NO_FIELD_OWNERS: (
        "`krmfn plan --against`: live objects have neither `managedFields` nor the annotation of "
        "`kubectl apply`. So krmfn can't see which fields were declared before, and does not show "
        "fields that a change takes out. `kubectl get` hides `managedFields` by default: read the "
        "objects with `kubectl get -o yaml --show-managed-fields`."
    ),
    Code.NO_POD_NETWORK: (
        "A property adds a network to a template that declares none. Such a template gets the "
        "pod network from KubeVirt, but not beside another one: declare it in the template, "
        "or set `multus-default` to say that it is not wanted."
    ),
    Code.NO_ROOT_DISK: (
        "A machine has no disk with an operating system: cloud-init's, empty disks and CD-ROMs "
        "without a `bootOrder` do not count. Give an image (`image-url`, `image-datasource`) or a "
        "disk in the template."
    ),
    Code.NO_SECRETS: (
        "`krmfn plan --against`: the earlier state has machines and no Secret, so changes to "
        "their user data are not shown. Export the Secrets too."
    ),
    Code.NODE_ANNOTATIONS: (
        "A NodeProfile has `nodeAnnotations`. kubelet has no flag for annotations, so krmfn does "
        "not render them. vCluster's reconciler sets them on every node that carries the label "
        "`vcluster.com/node-profile`, if the Platform has the profile too; krmfn sets that label "
        "where a pool or claim names the profile. Otherwise use `kubectl annotate node`."
    ),
    Code.NOT_KRMFN: (
        "`krmfn plan --against`: the earlier state holds machines or Secrets that krmfn did "
        "not make. They are left out."
    ),
    Code.LEFT_OUT: (
        "`krmfn render -o` does not write manifests that krmfn did not make. With `--all` it does; "
        "or sync them from where they are."
    ),
    Code.NOT_READ: (
        "An object or a value says something about nodes that krmfn does not read: autoNodes in a "
        "HelmRelease, Application or VirtualClusterInstance, for which the Platform makes the "
        "nodes itself; nodes of a control plane; which node types and profiles a Project allows; "
        "the KubeVirt CSI driver of a vcluster.yaml."
    ),
    Code.NOTHING_DEPLOYED: (
        "The Platform would install a chart (`spec.kubeVirt.deploy`); krmfn installs nothing. "
        "Install it with the cluster's own manifests."
    ),
    Code.NOTHING_EARLIER: (
        "`krmfn plan --against`: the earlier state holds nothing that this config made, so "
        "every object is new. That is right for a new config. Otherwise check the folder that you "
        "compare with, and whether `metadata.name` of the config changed: krmfn knows its objects "
        "by that name."
    ),
    Code.NULL_FIELD: (
        "An object of the template is null, such as `tpm:` or `efi:` without braces. To "
        "Kubernetes that means that it is absent. Write `tpm: {}` if machines shall have it, or "
        "leave the key out."
    ),
    Code.OTHER_OWNER: (
        "`krmfn plan --against`: the earlier state holds objects that another config made, or "
        "that belong to another cluster. They are left out. That is right where several configs "
        "share a namespace or a folder. Otherwise check whether `metadata.name` of the config "
        "changed: krmfn knows its objects by that name."
    ),
    Code.RENAMED_OWNER: (
        "`krmfn plan --against`: the earlier state holds machines of another config, for a virtual "
        "cluster and a provider of this one. If that config was renamed, a prune deletes its "
        "machines with their disks, so `--max-deletions` and `--fail-on delete` count them. To "
        "keep them, give the config its old name. If two configs make such nodes on purpose, "
        "accept the warning."
    ),
    Code.OVERRIDDEN_LABEL: (
        "A pool's `nodeLabels` and its NodeProfile set one label to two values. The profile's "
        "wins, as on the Platform."
    ),
    Code.OTHER_PROVIDER: (
        "A pool is of a provider that is not a KubeVirt provider: the Platform makes its nodes, "
        "krmfn does not."
    ),
    Code.PLAINTEXT_TOKEN: (
        "The output holds the join token in clear, in every cloud-init Secret: don't commit "
        "it. `joinToken.delivery: Disk` keeps it out."
    ),
    Code.POD_NETWORK_ADDRESS: (
        "A static address goes to the interface of the pod network, where KubeVirt's DHCP gives "
        "each machine its address: other addresses do not work there. Attach a network of its "
        "own, and name its interface in `network-interface`."
    ),
    Code.QUOTA: (
        "`krmfn plan`: machines ask for more than a ResourceQuota among the items allows, or, "
        "while those that are to be deleted are still there, for more machines of a type than "
        "its `maxCapacity`. Kubernetes refuses what goes beyond a quota: raise it, or make "
        "the change in two steps."
    ),
    Code.RENAMED_OBJECT: (
        "A machine names a Secret or a DataVolume that has another name now, since kustomize "
        "renamed it: by `namePrefix` or `nameSuffix`, or by the hash of a `secretGenerator`. Such "
        "a machine does not start. kustomize renames the references too once it knows them: add "
        "`kustomize/` of krmfn's repository to the kustomization's `components`."
    ),
    Code.RESERVED_METADATA: (
        "A NodeClaim, or a pool in the config, has a label or annotation that krmfn, the Platform "
        "or a tool sets itself, such as `kubectl.kubernetes.io/last-applied-configuration`. Its "
        "machine gets all others, and not this one. Take it out."
    ),
    Code.SHARED_HOST_DISK: (
        "Several machines have a `hostDisk` of one path. Those that run on one host write to "
        "one file, and destroy each other's data. Use a `dataVolumeTemplates` entry, of which "
        "each machine gets its own."
    ),
    Code.SHARED_IDENTITY: (
        "Several machines have one firmware UUID or serial number. KubeVirt writes these into "
        "every machine, so a template that was made from one has them. The nodes report one "
        "`systemUUID`, by which inventories and storage drivers tell them apart. Leave the "
        "fields out."
    ),
    Code.SHARED_VOLUME: (
        "Several machines are made from a template whose volume names one existing claim or "
        "DataVolume: they share the disk, which only a ReadWriteMany volume "
        "tolerates. Use a `dataVolumeTemplates` entry, of which each machine gets its own."
    ),
    Code.UNFIT_NODE_TYPE: (
        "A node type keeps all of its CPU or memory for itself (`overhead.kubeReserved`): "
        "kubelet refuses to start, and no node joins."
    ),
    Code.UNKNOWN_FIELD: (
        "The template has a field that the KubeVirt version whose schema krmfn carries does "
        "not know. With `unknownFields: Warn` it is rendered: an older KubeVirt drops it, or "
        "refuses the machine."
    ),
    Code.UNKNOWN_VERSION: (
        "The cluster runs a version of KubeVirt that krmfn does not know. Its machines are judged "
        "as for the nearest known one, which may take more or less."
    ),
    Code.UNUSED_PROPERTY: (
        "A property has no effect, because another that it belongs to is missing, or wins over it."
    ),
}
