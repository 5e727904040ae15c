"""Templates that are nearly right: good ones, each with one thing changed, drawn by a seed so that every run sees the same."""

import copy
import random
from collections.abc import Iterator
from typing import Any

SEED = 7
_DISK = {"name": "root", "disk": {"bus": "virtio"}}
GOOD: list[dict[str, Any]] = [
    {
        "runStrategy": "Always",
        "dataVolumeTemplates": [
            {
                "metadata": {"name": "root"},
                "spec": {
                    "source": {"registry": {"url": "docker://x"}},
                    "storage": {"resources": {"requests": {"storage": "1Gi"}}},
                },
            }
        ],
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {
                "evictionStrategy": "LiveMigrate",
                "dnsPolicy": "None",
                "dnsConfig": {
                    "nameservers": ["10.0.0.1"],
                    "searches": ["a.b"],
                    "options": [{"name": "ndots", "value": "2"}],
                },
                "domain": {
                    "cpu": {
                        "cores": 2,
                        "sockets": 1,
                        "threads": 1,
                        "maxSockets": 4,
                        "features": [{"name": "vmx", "policy": "require"}],
                    },
                    "memory": {"guest": "2Gi", "maxGuest": "4Gi"},
                    "machine": {"type": "q35"},
                    "firmware": {"bootloader": {"efi": {"secureBoot": False}}},
                    "features": {"acpi": {"enabled": True}, "smm": {"enabled": True}},
                    "ioThreadsPolicy": "auto",
                    "resources": {
                        "requests": {"cpu": "1", "memory": "1Gi"},
                        "limits": {"cpu": "2", "memory": "4Gi"},
                    },
                    "devices": {
                        "disks": [
                            {
                                **_DISK,
                                "bootOrder": 1,
                                "serial": "abc",
                                "cache": "none",
                                "io": "native",
                                "errorPolicy": "stop",
                            },
                            {"name": "data", "lun": {"bus": "scsi"}},
                            {"name": "cd", "cdrom": {"bus": "sata"}},
                            {
                                "name": "scratch",
                                "disk": {"bus": "sata"},
                                "blockSize": {"custom": {"logical": 512, "physical": 4096}},
                            },
                        ],
                        "interfaces": [
                            {
                                "name": "default",
                                "masquerade": {},
                                "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
                                "bootOrder": 2,
                            },
                            {
                                "name": "lan",
                                "bridge": {},
                                "model": "virtio",
                                "macAddress": "02:00:00:00:00:01",
                                "dhcpOptions": {
                                    "ntpServers": ["10.0.0.1"],
                                    "privateOptions": [{"option": 240, "value": "x"}],
                                },
                            },
                        ],
                        "inputs": [{"name": "tablet", "type": "tablet", "bus": "usb"}],
                        "sound": {"name": "s", "model": "ich9"},
                        "rng": {},
                    },
                },
                "networks": [
                    {"name": "default", "pod": {}},
                    {"name": "lan", "multus": {"networkName": "a/b"}},
                ],
                "volumes": [
                    {"name": "root", "dataVolume": {"name": "root"}},
                    {"name": "data", "persistentVolumeClaim": {"claimName": "x"}},
                    {"name": "cd", "containerDisk": {"image": "x", "path": "/disk/a.img"}},
                    {"name": "scratch", "emptyDisk": {"capacity": "1Gi"}},
                ],
                "readinessProbe": {"httpGet": {"port": 80}, "initialDelaySeconds": 5},
                "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoSchedule"}],
                "nodeSelector": {"a": "b"},
                "terminationGracePeriodSeconds": 30,
            },
        },
    },
    {
        "running": True,
        "template": {
            "spec": {
                "startStrategy": "Paused",
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [
                                {
                                    "matchExpressions": [
                                        {"key": "a", "operator": "In", "values": ["b"]}
                                    ]
                                }
                            ]
                        }
                    },
                    "podAntiAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {
                                "weight": 1,
                                "podAffinityTerm": {
                                    "topologyKey": "kubernetes.io/hostname",
                                    "labelSelector": {"matchLabels": {"a": "b"}},
                                },
                            }
                        ]
                    },
                },
                "topologySpreadConstraints": [
                    {
                        "maxSkew": 1,
                        "topologyKey": "zone",
                        "whenUnsatisfiable": "DoNotSchedule",
                        "labelSelector": {"matchLabels": {"a": "b"}},
                    }
                ],
                "subdomain": "a.b",
                "domain": {
                    "cpu": {
                        "cores": 4,
                        "dedicatedCpuPlacement": True,
                        "isolateEmulatorThread": True,
                        "numa": {"guestMappingPassthrough": {}},
                        "realtime": {},
                    },
                    "memory": {"guest": "4Gi", "hugepages": {"pageSize": "2Mi"}},
                    "resources": {
                        "requests": {"cpu": "4", "memory": "4Gi"},
                        "limits": {"cpu": "4", "memory": "4Gi"},
                    },
                    "devices": {
                        "disks": [
                            _DISK,
                            {"name": "conf", "disk": {"bus": "usb"}},
                            {"name": "key", "disk": {"bus": "scsi"}},
                        ],
                        "interfaces": [{"name": "a", "sriov": {}, "pciAddress": "0000:81:00.1"}],
                        "gpus": [{"name": "g", "deviceName": "nvidia.com/x"}],
                        "watchdog": {"name": "w", "i6300esb": {"action": "reset"}},
                    },
                    "firmware": {
                        "kernelBoot": {
                            "kernelArgs": "quiet",
                            "container": {
                                "image": "x",
                                "kernelPath": "/boot/vmlinuz",
                                "initrdPath": "/boot/initrd",
                            },
                        }
                    },
                },
                "networks": [{"name": "a", "multus": {"networkName": "x", "default": True}}],
                "volumes": [
                    {"name": "root", "ephemeral": {"persistentVolumeClaim": {"claimName": "x"}}},
                    {"name": "conf", "configMap": {"name": "x"}},
                    {"name": "key", "secret": {"secretName": "x"}},
                ],
            }
        },
    },
]


def _seed(inner: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A small machine, with parts of its instance's spec over those that it has."""
    base: dict[str, Any] = {
        "domain": {
            "memory": {"guest": "2Gi"},
            "devices": {
                "disks": [_DISK],
                "interfaces": [{"name": "default", "masquerade": {}}],
            },
        },
        "networks": [{"name": "default", "pod": {}}],
        "volumes": [{"name": "root", "containerDisk": {"image": "x"}}],
    }
    return {"runStrategy": "Always", "template": {"spec": _over(base, inner)}, **spec}


def _over(base: Any, patch: Any) -> Any:
    """A patch over a value: mappings key by key, all else as a whole."""
    if not isinstance(base, dict) or not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = copy.deepcopy(base)
    for key, value in patch.items():
        merged[key] = _over(base.get(key), value)
    return merged


def _domain(domain: dict[str, Any], **inner: Any) -> dict[str, Any]:
    return _seed({"domain": domain, **inner})


def _devices(devices: dict[str, Any], **inner: Any) -> dict[str, Any]:
    return _domain({"devices": devices}, **inner)


_EFI = {"bootloader": {"efi": {"secureBoot": False}}}
_TERM = {
    "topologyKey": "kubernetes.io/hostname",
    "namespaces": ["a"],
    "namespaceSelector": {"matchLabels": {"a": "b"}},
    "labelSelector": {
        "matchLabels": {"a": "b"},
        "matchExpressions": [
            {"key": "a", "operator": "In", "values": ["b"]},
            {"key": "a", "operator": "Exists"},
        ],
    },
}
# What one version or another refuses, or what needs a feature gate, one topic each.
TOPICS: list[dict[str, Any]] = [
    _seed({"networks": [], "domain": {"devices": {"interfaces": []}}, "readinessProbe": {"tcpSocket": {"port": 22}}}),
    _seed({"networks": [], "domain": {"devices": {"interfaces": [], "autoattachPodInterface": False}}, "livenessProbe": {"exec": {"command": ["x"]}}}),
    _seed({"accessCredentials": [{"sshPublicKey": {"source": {"secret": {"secretName": "k"}}, "propagationMethod": {"noCloud": {}}}}]}),
    _seed({"accessCredentials": [{"userPassword": {"source": {"secret": {"secretName": "k"}}, "propagationMethod": {"qemuGuestAgent": {}}}}]}),
    _seed({"accessCredentials": [{"sshPublicKey": {"source": {"secret": {"secretName": "k"}}, "propagationMethod": {"qemuGuestAgent": {"users": ["a"]}}}}]}),
    _seed({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [_TERM]}}}),
    _seed({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "podAffinityTerm": _TERM}]}}}),
    _seed({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}], "matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}]}}}}),
    _seed({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}}]}}}),
    _seed({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}]}),
    _seed({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.1", "10.0.0.2", "10.0.0.3"], "searches": ["a.b", "b.c", "c.d", "d.e", "e.f", "f.g"]}}),
    _seed({"hostname": "a", "subdomain": "b", "terminationGracePeriodSeconds": 5, "startStrategy": "Paused"}),
    _devices({"interfaces": [{"name": "default", "bridge": {}, "state": "down"}]}),
    _devices({"interfaces": [{"name": "default", "bridge": {}}, {"name": "lan", "bridge": {}, "state": "absent"}]}, networks=[{"name": "default", "pod": {}}, {"name": "lan", "multus": {"networkName": "x"}}]),
    _devices({"interfaces": [{"name": "default", "sriov": {}, "state": ""}]}, networks=[{"name": "default", "multus": {"networkName": "x"}}]),
    _devices({"interfaces": [{"name": "default", "passtBinding": {}}]}),
    _devices({"interfaces": [{"name": "default", "binding": {"name": "x"}}]}),
    _devices({"interfaces": [{"name": "default", "slirp": {}}]}),
    _devices({"interfaces": [{"name": "default", "macvtap": {}}]}),
    _devices({"interfaces": [{"name": "default", "passt": {}}]}),
    _devices({"interfaces": [{"name": "default", "masquerade": {}, "portRanges": [{"protocol": "TCP", "start": 1, "end": 5}, {"protocol": "TCP", "start": 6, "end": 9}]}]}),
    _devices({"interfaces": [{"name": "default", "masquerade": {}, "macAddress": "02:00:00:00:00:00", "ports": [{"port": 65535, "name": "a", "protocol": "UDP"}]}]}),
    _devices({"interfaces": [{"name": "a", "sriov": {}}]}, networks=[{"name": "a", "resourceClaim": {"claimName": "c", "requestName": "r"}}], resourceClaims=[{"name": "c", "resourceClaimName": "x"}]),
    _devices({"gpus": [{"name": "a", "claimName": "c", "requestName": "r"}]}, resourceClaims=[{"name": "c", "resourceClaimTemplateName": "t"}]),
    _devices({"gpus": [{"name": "a", "deviceName": "n/x", "virtualGPUOptions": {"display": {"enabled": True, "ramFB": {"enabled": True}}}},
                       {"name": "b", "deviceName": "n/x", "virtualGPUOptions": {"display": {"enabled": False}}}]}),
    _devices({"hostDevices": [{"name": "a", "deviceName": "n/x"}, {"name": "b", "claimName": "c", "requestName": "r"}]}, resourceClaims=[{"name": "c", "resourceClaimTemplateName": "t"}]),
    _devices({"panicDevices": [{"model": "isa"}]}),
    _devices({"video": {"type": "virtio"}, "autoattachGraphicsDevice": True}),
    _devices({"watchdog": {"name": "w", "i6300esb": {"action": "reset"}}, "sound": {"name": "s", "model": "ac97"}}),
    _devices({"watchdog": {"name": "w", "diag288": {"action": "reset"}}}, architecture="s390x"),
    _devices({"downwardMetrics": {}, "autoattachVSOCK": True, "tpm": {"persistent": True}}),
    _devices({"filesystems": [{"name": "fs", "virtiofs": {}}]}, volumes=[{"name": "root", "containerDisk": {"image": "x"}}, {"name": "fs", "persistentVolumeClaim": {"claimName": "x"}}]),
    _devices({"filesystems": [{"name": "fs", "virtiofs": {}}]}, volumes=[{"name": "root", "containerDisk": {"image": "x"}}, {"name": "fs", "configMap": {"name": "x"}}]),
    _devices({"filesystems": [{"name": "fs", "virtiofs": {}}]}, volumes=[{"name": "root", "containerDisk": {"image": "x"}}, {"name": "fs", "containerPath": {"path": "/x"}}]),
    _devices({"disks": [_DISK, {"name": "m", "disk": {"bus": "virtio"}}]}, volumes=[{"name": "root", "containerDisk": {"image": "x"}}, {"name": "m", "downwardMetrics": {}}]),
    _devices({"disks": [_DISK, {"name": "h", "disk": {"bus": "virtio"}}, {"name": "l", "lun": {"reservation": True}}, {"name": "e", "cdrom": {"bus": "sata"}}]},
             volumes=[{"name": "root", "containerDisk": {"image": "x"}}, {"name": "h", "hostDisk": {"path": "/x", "type": "DiskOrCreate", "capacity": "1Gi"}}, {"name": "l", "persistentVolumeClaim": {"claimName": "x"}}]),
    _devices({"disks": [{"name": "root", "disk": {"bus": "virtio", "pciAddress": "0000:81:01.0"}, "dedicatedIOThread": True, "blockSize": {"custom": {"logical": 512, "physical": 512, "discardGranularity": 1024}}}]}),
    _domain({"launchSecurity": {"sev": {}}, "firmware": _EFI}),
    _domain({"launchSecurity": {"snp": {}}, "firmware": _EFI}),
    _domain({"launchSecurity": {"tdx": {}}, "firmware": _EFI, "features": {"smm": {"enabled": False}}}),
    _domain({"launchSecurity": {"sev": {"attestation": {}}}, "firmware": _EFI}, startStrategy="Paused"),
    _domain({"launchSecurity": {}}, architecture="s390x"),
    _domain({"cpu": {"model": "host-passthrough"}, "firmware": {"bootloader": {"efi": {}}}}, architecture="arm64"),
    _domain({"features": {"hyperv": {"synic": {"enabled": True}, "vpindex": {"enabled": True}, "synictimer": {"enabled": True}, "evmcs": {"enabled": True}, "vapic": {"enabled": True},
                                     "ipi": {"enabled": True}, "tlbflush": {"enabled": True}}}}),
    _domain({"features": {"hypervPassthrough": {"enabled": True}}}),
    _domain({"rebootPolicy": "Reboot", "memory": {"reservedOverhead": {"addedOverhead": "1Gi"}}}),
    _domain({"firmware": {"acpi": {"slicNameRef": "s", "msdmNameRef": "s"}, "serial": "x"}}, volumes=[{"name": "root", "containerDisk": {"image": "x"}}, {"name": "s", "secret": {"secretName": "x"}}]),
    _domain({"firmware": {"bootloader": {"efi": {"persistent": True, "secureBoot": False}}}}),
    _domain({"ioThreadsPolicy": "supplementalPool", "ioThreads": {"supplementalPoolThreadCount": 2}}),
    _seed({"serviceAccountName": "sa", "volumes": [{"name": "root", "containerDisk": {"image": "x"}}, {"name": "sa", "serviceAccount": {"serviceAccountName": "sa"}}]}),
    _seed({"utilityVolumes": [{"name": "u", "claimName": "x"}]}),
    _seed({}, runStrategy="WaitAsReceiver"),
    {"runStrategy": "Always", "template": {"metadata": {"labels": {"kubevirt.io/vm": "x"}, "annotations": {"hooks.kubevirt.io/hookSidecars": "[]"}}, "spec": _seed({})["template"]["spec"]}},
    {"runStrategy": "Always", "template": {"metadata": {"annotations": {"kubevirt.io/ignitiondata": "{}"}}, "spec": _seed({})["template"]["spec"]}},
    _seed({"domain": {"devices": {"disks": []}}, "volumes": [{"name": "root", "dataVolume": {"name": "root"}}, {"name": "data", "emptyDisk": {"capacity": "1Gi"}}]},
          dataVolumeTemplates=[{"metadata": {"name": "root"}, "spec": {"sourceRef": {"kind": "DataSource", "name": "x", "namespace": "y"}, "storage": {"resources": {"requests": {"storage": "1Gi"}}}}}]),
    _seed({"volumes": [{"name": "root", "dataVolume": {"name": "root"}}]},
          dataVolumeTemplates=[{"metadata": {"name": "root"}, "spec": {"storage": {"dataSourceRef": {"kind": "VolumeSnapshot", "name": "x", "apiGroup": "snapshot.storage.k8s.io"}, "resources": {"requests": {"storage": "1Gi"}}}}}]),
]  # fmt: skip
# Values that bear on the rules, beside those that are wrong in kind.
_VALUES: list[Any] = [
    "", "a", "A b", "x" * 64, "0", "1", "3", "-1", "1Gi", "3Gi", "500m", "1.5", "1Ki", "abc.def", "virtio", "sata", "scsi", "ide", "usb", "Always", "None", "Paused",
    "10.0.0.1", "/", "/a/../b", "a/b", 0, 1, 2, 3, 5, -1, 70000, 2**33, 1.5, 1.0, True, False, {}, [], {"a": "b"}, [{}], ["a"], [{"name": "root"}], [{"name": "zz"}],
    "lan", "default", "root", "up", "absent", "In", "Exists", "isa", "x86_64", "arm64", "s390x", "vga", "host-model", "metadata.name", "02:00:00:00:00:00", 65535, 65536,
    {"matchLabels": {"A b": "c"}}, {"enabled": False}, {"enabled": True}, ["a", "b"], "a.b.c.d.e.f", None, "data", "Disk", "02-00-00-00-00-02", "0000:00:00.9", "TCP", "2Mi", "1M",
]  # fmt: skip
_EXTRA = (
    "pod", "multus", "bridge", "masquerade", "sriov", "binding", "slirp", "disk", "lun", "cdrom", "emptyDisk", "containerDisk", "hostDisk", "dataVolume", "serviceAccount",
    "downwardMetrics", "runStrategy", "running", "bios", "efi", "tcpSocket", "exec", "livenessProbe", "storage", "pvc", "sourceRef", "hostDevices", "video", "rebootPolicy",
    "bootOrder", "claimName", "requestName", "deviceName", "state", "passtBinding", "macvtap", "passt", "sound", "watchdog", "sev", "snp", "tdx", "noCloud", "configDrive", "qemuGuestAgent",
    "hypervPassthrough", "hyperv", "persistent", "serviceAccountName", "resourceClaims", "utilityVolumes", "panicDevices", "containerPath", "dedicatedIOThread", "taints", "instancetype", "architecture", "networkInterfaceMultiqueue", "readonly", "matchVolume", "acpi", "launchSecurity", "autoattachVSOCK",
)  # fmt: skip


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path in a value, the value's own first."""
    yield path
    if isinstance(value, dict):
        for key, child in value.items():
            yield from paths(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from paths(child, (*path, index))


def _parent(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value


def _alike(value: Any, random_: random.Random) -> list[Any]:
    """The values to choose another one from: mostly those of its kind, which the schema lets pass."""
    same = [other for other in _VALUES if type(other) is type(value) and other != value]
    return same if same and random_.random() < 0.8 else _VALUES


def mutations(count: int, seeds: list[dict[str, Any]] = GOOD) -> Iterator[dict[str, Any]]:
    """The seeds, then as many with one or two things changed."""
    random_ = random.Random(SEED)
    yield from copy.deepcopy(seeds)
    for _ in range(count):
        spec = copy.deepcopy(random_.choice(seeds))
        for _ in range(random_.choice((1, 1, 1, 2))):
            path = random_.choice([path for path in paths(spec) if path])
            parent, key = _parent(spec, path), path[-1]
            kind = random_.randrange(10)
            if kind == 0:
                del parent[key]
            elif kind == 1 and isinstance(parent, list):
                parent.append(copy.deepcopy(parent[key]))
            elif kind == 2 and isinstance(parent[key], dict):
                parent[key][random_.choice(_EXTRA)] = copy.deepcopy(random_.choice(_VALUES))
            elif kind == 3 and isinstance(parent, dict):
                parent[random_.choice(("nmae", "Name", key[:-1] or "x", key + "s"))] = parent.pop(
                    key
                )
            else:
                parent[key] = copy.deepcopy(random_.choice(_alike(parent[key], random_)))
        yield spec
