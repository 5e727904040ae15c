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
# Values that bear on the rules, beside those that are wrong in kind.
_VALUES: list[Any] = [
    "", "a", "A b", "x" * 64, "0", "1", "3", "-1", "1Gi", "3Gi", "500m", "1.5", "1Ki", "abc.def", "virtio", "sata", "scsi", "ide", "usb", "Always", "None", "Paused",
    "10.0.0.1", "/", "/a/../b", "a/b", 0, 1, 2, 3, 5, -1, 70000, 2**33, 1.5, 1.0, True, False, {}, [], {"a": "b"}, [{}], ["a"], [{"name": "root"}], [{"name": "zz"}],
    "lan", "default", "root", "data", "Disk", "02-00-00-00-00-02", "0000:00:00.9", "TCP", "2Mi", "1M",
]  # fmt: skip
_EXTRA = (
    "pod", "multus", "bridge", "masquerade", "sriov", "binding", "slirp", "disk", "lun", "cdrom", "emptyDisk", "containerDisk", "hostDisk", "dataVolume", "serviceAccount",
    "downwardMetrics", "runStrategy", "running", "bios", "efi", "tcpSocket", "exec", "livenessProbe", "storage", "pvc", "sourceRef", "hostDevices", "video", "rebootPolicy",
    "bootOrder", "dedicatedIOThread", "taints", "instancetype", "architecture", "networkInterfaceMultiqueue", "readonly", "matchVolume", "acpi", "launchSecurity", "autoattachVSOCK",
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


def mutations(count: int) -> Iterator[dict[str, Any]]:
    """The good ones, then as many with one or two things changed."""
    random_ = random.Random(SEED)
    yield from copy.deepcopy(GOOD)
    for _ in range(count):
        spec = copy.deepcopy(random_.choice(GOOD))
        for _ in range(random_.choice((1, 1, 1, 2))):
            path = random_.choice([path for path in paths(spec) if path])
            parent, key = _parent(spec, path), path[-1]
            kind = random_.randrange(6)
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
                parent[key] = copy.deepcopy(random_.choice(_VALUES))
        yield spec
