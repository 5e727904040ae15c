"""Network data as users write it: cloud-init's network config, version 1 or 2."""

from __future__ import annotations

from krmfn.guest.cloud_config import yaml_mapping
from krmfn.kubevirt.vm_paths import Map
from krmfn.manifests import yamlio
from krmfn.problems import Collector, Place


def read_network_config(text: str, at: Place, problems: Collector) -> Map:
    """Read a network config, which may stand under the key `network`."""
    collected = Collector()
    data = yaml_mapping(text, at, collected)
    inner = data.get("network", data)
    version = inner.get("version") if isinstance(inner, dict) else None
    if not collected and version not in (1, 2):
        collected.append(at.error("is no network config: it has no version 1 or 2"))
    problems += collected
    return data


def network_data(text: str, at: Place, problems: Collector) -> str:
    """Read a network config and write it as krmfn writes YAML; "" if there is a problem."""
    collected = Collector()
    data = read_network_config(text, at, collected)
    problems += collected
    return "" if collected else yamlio.dump(data)
