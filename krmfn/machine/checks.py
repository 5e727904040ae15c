"""Would a cluster take the machine? The CRD's schema and KubeVirt's admission rules, with each finding at the text that has to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from krmfn.kubevirt import schema
from krmfn.kubevirt.admission import devices, networks, pods, rules
from krmfn.kubevirt.merge import Map
from krmfn.kubevirt.vm_paths import (
    CLOUD_INIT,
    DISKS,
    DOMAIN,
    JOIN_DISK,
    NAMED,
    RESOURCES,
    VOLUMES,
    cloud_init_kind,
    get,
    has,
    mappings,
)
from krmfn.machine.prototype import Added, Prototype
from krmfn.problems import Code, Path, Place, Problem, path_text

UnknownFields = Literal["Error", "Warn"]
# Once they are imported, their rules are in the table.
RULES = (devices, networks, pods) and rules.RULES
# KubeVirt's pod has volumes `<name>-udata` and `<name>-ndata`, names of at most 63 characters.
_LONGEST_VOLUME = 57
# Where a node type's resources are written.
_SIZED: dict[str, tuple[Path, ...]] = {
    "cpu": (
        (*RESOURCES, "requests", "cpu"),
        (*RESOURCES, "limits", "cpu"),
        (*DOMAIN, "cpu", "cores"),
    ),
    "memory": (
        (*RESOURCES, "requests", "memory"),
        (*RESOURCES, "limits", "memory"),
        (*DOMAIN, "memory", "guest"),
    ),
}


def checked(prototype: Prototype, unknown_fields: UnknownFields) -> Iterator[Problem]:
    """What in a prototype an API server with KubeVirt would not take, or might not, depending on its configuration."""
    if problems := list(_in_the_way(prototype)):
        # What krmfn adds would be told of as well.
        yield from problems
        return
    spec = judged(prototype.vm["spec"])
    violations = list(schema.violations(spec))
    for violation in violations:
        problem = _at(prototype, violation.path, violation.message)
        known = violation.unknown and unknown_fields == "Warn"
        yield replace(problem, severity="warning", code=Code.UNKNOWN_FIELD) if known else problem
    if any(not violation.unknown for violation in violations):
        return
    for rule in RULES:
        for path, message in rule.check(spec):
            problem = _at(prototype, ("spec", *path), message)
            yield (
                replace(problem, severity="warning", code=Code.FEATURE_GATE)
                if rule.gated
                else replace(problem, code=rule.code)
            )


def _in_the_way(prototype: Prototype) -> Iterator[Problem]:
    """What in a prototype would be in the way of krmfn's own disks and volumes."""
    volumes = get(prototype.vm, VOLUMES) or ()
    own = {volume["name"] for volume in volumes if cloud_init_kind(volume)}
    for path, what in ((VOLUMES, "volume"), (DISKS, "disk")):
        for index, value in enumerate(get(prototype.vm, path) or ()):
            if value["name"] == JOIN_DISK or (
                value["name"] == CLOUD_INIT and CLOUD_INIT not in own
            ):
                text = f'is "{value["name"]}", the name of the {what} that krmfn adds; rename it'
                yield _at(prototype, (*path, index, "name"), text)
    for index, volume in enumerate(volumes):
        for source, value in volume.items():
            if isinstance(value, dict) and value.get("volumeLabel") == JOIN_DISK:
                text = f'is "{JOIN_DISK}", by which the guest finds the disk with its token; choose another'
                yield _at(prototype, (*VOLUMES, index, source, "volumeLabel"), text)
        kind = cloud_init_kind(volume)
        if kind and len(own) > 1:
            text = "is one of several cloud-init volumes, of which KubeVirt takes only the first; keep one"
            yield _at(prototype, (*VOLUMES, index, kind), text)
        if kind and len(volume["name"]) > _LONGEST_VOLUME:
            text = f"is longer than {_LONGEST_VOLUME} characters: KubeVirt adds to a cloud-init volume's name"
            yield _at(prototype, (*VOLUMES, index, "name"), text)


def judged(spec: Map) -> Map:
    """The spec as KubeVirt will see it: with a cloud-init disk, and a Secret in its volume whatever a template's own brings."""
    inner = get(spec, ("template", "spec"))
    domain, volumes = get(inner, ("domain",)), get(inner, ("volumes",)) or []
    disks = get(domain, ("devices", "disks")) or []
    if not isinstance(domain, dict) or not isinstance(volumes, list) or not isinstance(disks, list):
        return spec
    source = {"secretRef": {"name": "cloud-init"}}
    filled = [
        {"name": volume.get("name"), kind: source} if (kind := _kind(volume)) else volume
        for volume in volumes
    ]
    own = next((volume["name"] for volume in filled if _kind(volume)), None)
    if own is None:
        filled.append({"name": CLOUD_INIT, "cloudInitNoCloud": source})
    if not any(disk.get("name") == (own or CLOUD_INIT) for disk in mappings(disks)):
        disks = [*disks, {"name": own or CLOUD_INIT}]
    domain = {**domain, "devices": {**(domain.get("devices") or {}), "disks": disks}}
    return {
        **spec,
        "template": {**spec["template"], "spec": {**inner, "domain": domain, "volumes": filled}},
    }


def _kind(volume: Any) -> str | None:
    return cloud_init_kind(volume) if isinstance(volume, dict) else None


def _at(prototype: Prototype, path: Path, message: str) -> Problem:
    """The problem at the text that has to change."""
    place, own = written(prototype, path)
    return place.error(message if own else f"makes {path_text(path)}, which {message}")


def written(prototype: Prototype, path: Path) -> tuple[Place, bool]:
    """The place that a field of the prototype comes from, and whether the field itself stands there, or only what asks for it.

    That is the layer that wrote it last, what gives a node type its size, or the property that made an element.
    """
    for name, place in prototype.sizes.items():
        request = (*RESOURCES, "requests", name)
        if path in _SIZED[name] and (
            path[-1] != name or get(prototype.vm, path) == get(prototype.vm, request)
        ):
            return place, False
    for named, name_path in NAMED.items():
        if path[: len(named)] != named or len(path) <= len(named):
            continue
        values = get(prototype.vm, named)
        index = path[len(named)]
        if not isinstance(values, list) or not isinstance(index, int) or index >= len(values):
            break
        names = [get(value, name_path) for value in values]
        made = [isinstance(name, str) and name in prototype.added for name in names]
        if made[index]:
            return _of_property(prototype.added[names[index]], named, path)
        # What properties put before an element of the template moves it.
        before = sum(made[:index])
        path = (*named, index - before, *path[len(named) + 1 :])
    return prototype.layers.place(path), True


def _of_property(added: Added, named: Path, path: Path) -> tuple[Place, bool]:
    text, inner = added.texts.get(named), path[len(named) + 1 :]
    if text and inner and has(text.value, inner):
        return text.at.field(*inner), True
    return added.fields.get(str(path[-1]), added.at), False
