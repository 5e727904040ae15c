"""`krmfn explain CLAIM [FIELD]`: where each field of a machine comes from.

It also shows why the claim has its node type, and the user data of its guest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from krmfn.commands.declared import declared
from krmfn.commands.object_key import Key
from krmfn.commands.outcome import Declared, Inputs
from krmfn.commands.reply import DONE, Reply, refused
from krmfn.commands.tables import table
from krmfn.guest.secrets import secret_value
from krmfn.kubevirt.differences import Change, differences
from krmfn.kubevirt.merge import merge
from krmfn.kubevirt.vm_paths import NAMED, Named, get
from krmfn.machine.provenance import named
from krmfn.manifests.item import Item
from krmfn.manifests.yamlio import read
from krmfn.nodes.choice import missed
from krmfn.nodes.claim import Claim
from krmfn.nodes.node_types import Offer
from krmfn.problems import (
    Collector,
    Origin,
    Path,
    Place,
    listed,
    masked_lines,
    nearest,
    redacted,
    show,
)

_LONGEST = 80
_DATA = ("userdata", "networkdata")
# Layer, path, value and place of a field.
Row = tuple[str, str, str, str]


def explain(
    name: str,
    field: str | None,
    paths: list[str],
    config: str | None,
    kustomization: str | None = None,
) -> Reply:
    """Explain the machine of a claim, named as `name` or `namespace/name`.

    With `field`, explain only that field and those below it.
    """
    outcome = declared(Inputs(paths, config, kustomization), several_clusters=True)
    if isinstance(outcome, Reply):
        return outcome
    key = _find_machine(name, outcome)
    if key is None:
        return refused(outcome.problems)
    claim, problems = outcome.machines[key], outcome.problems
    machine, secrets = _objects(outcome, key)
    rows = list(_rows(key, machine, outcome))
    if field is None:
        parts = [_node_types(key, claim), _fields_table(rows), _dropped(claim)]
        parts += [*_user_data(secrets), _rejoin(key)]
        return Reply("\n".join(part for part in parts if part), problems, DONE)
    shown = [row for row in rows if _is_within(row[1], field)]
    if shown:
        return Reply(_fields_table(shown) + _places(shown), problems, DONE)
    known = [path for _, path, _, _ in rows]
    hint = nearest(field, known)
    message = f"{show(field)} is not a field of {key}{hint}"
    problem = Place().error(message)
    return refused([*outcome.problems, problem])


def _places(rows: list[Row]) -> str:
    """List the places that fields come from, each once."""
    places = dict.fromkeys(place for _, _, _, place in rows)
    lines = [f"{place}\n" for place in places if place]
    return "".join(lines)


def _find_machine(name: str, outcome: Declared) -> Key | None:
    """Find the machine of the only claim of a name; else report the claims that exist."""
    machines = outcome.machines
    matching = [key for key, claim in machines.items() if name in _names(key, claim)]
    if len(matching) == 1:
        return matching[0]
    plain = [claim.name for claim in machines.values()]
    known = sorted(_full_name(claim) for claim in machines.values())
    what = "the name of several claims" if matching else "not a claim"
    typo = nearest(name, [*known, *plain])
    message = f"{show(name)} is {what}; there are {listed(known)}{typo}"
    outcome.problems.append(Place().error(message))
    return None


def _full_name(claim: Claim) -> str:
    """Return a claim's name with its project's namespace, if it has one."""
    namespace = claim.request.namespace
    return f"{namespace}/{claim.name}" if namespace else claim.name


def _names(key: Key, claim: Claim) -> tuple[str, ...]:
    """Return what a claim may be called by.

    This is its name alone, in its project's namespace, and its machine's, as `plan --against`
    prints it.
    """
    name = claim.name
    return name, f"{claim.request.namespace}/{name}", key.name, str(key)


def _is_within(path: str, field: str) -> bool:
    """Tell whether a path is that of a field, or below it."""
    return path == field or path.startswith((f"{field}.", f"{field}["))


def _fields_table(rows: list[Row]) -> str:
    """Write fields with their layers and values."""
    lines = [["LAYER", "FIELD", "VALUE"]]
    lines += [[layer, path, value] for layer, path, value, _ in rows]
    return table(lines)


def _objects(outcome: Declared, key: Key) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read a machine and its Secrets."""
    wanted = {secret for secret, users in outcome.users.items() if key in users}
    secrets = [rendered for each, rendered in outcome.objects.items() if each in wanted]
    [machine, *others] = [
        read(rendered.text)[0][0].data for rendered in (outcome.objects[key], *secrets)
    ]
    return machine, others


def _rows(name: Key, machine: dict[str, Any], outcome: Declared) -> Iterator[Row]:
    """Yield every field with its layer and place, in the order in which the machine has them."""
    for key in ("metadata", "spec"):
        for path, value in _leaves(machine[key], (key,)):
            layer, where = outcome.cause(name, named(path, machine))
            field = Change(path, None, None)
            yield layer, field.text, _value(value), where


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield the paths and values of a machine that hold nothing further."""
    children = list(_children(value, path))
    for step, child in children:
        yield from _leaves(child, (*path, step))
    is_named_list = isinstance(value, list) and path in NAMED
    if not children and not is_named_list:
        yield path, value


def _children(value: Any, path: Path) -> Iterator[tuple[str | int, Any]]:
    """Yield the steps to the children of a value; some lists have names for steps."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list) and path in NAMED:
        for element in value:
            yield Named(get(element, NAMED[path])), element
    elif isinstance(value, list):
        yield from enumerate(value)


def _node_types(key: Key, claim: Claim) -> str:
    """Show the node types of the provider, and why the claim has its own."""
    provider = claim.offer.provider.metadata.name
    machine = f"machine {key}, of provider {provider}"
    offers = claim.offer.siblings or [claim.offer]
    rows = [["NODETYPE", "COST", "WHY"]]
    for offer in sorted(offers, key=_by_cost):
        name = offer.name or "(vm-template)"
        rows.append([name, str(offer.cost), _why(offer, claim)])
    return f"{claim.request}: {machine}\n\n{table(rows)}"


def _by_cost(offer: Offer) -> tuple[int, str]:
    """Order node types by cost, then by name."""
    return offer.cost, offer.name or ""


def _why(offer: Offer, claim: Claim) -> str:
    """Say why the claim has a node type, or why not."""
    asked = claim.request.asked
    if offer.full_name == claim.offer.full_name:
        return "named by typeRef" if asked.type_ref else "the cheapest that meets all"
    lacks = missed(offer, asked)
    return f"misses {', '.join(lacks)}" if lacks else "would do, and is not the one"


def _dropped(claim: Claim) -> str:
    """Show the fields of a template that merges replaced or removed, if there are any."""
    if claim.node is None:
        return ""
    first, *patches = claim.node.prototype.layers
    rows = [["REPLACED BY A MERGE", "WAS", "IS"]]
    merged = first.value
    for patch in patches:
        before, merged = merged, merge(merged, patch.value)
        for change in differences(before, merged):
            if change.old is not None:
                rows.append([change.text, _value(change.old), _value(change.new)])
    has_rows = len(rows) > 1
    return table(rows) if has_rows else ""


def _value(value: Any) -> str:
    """Write a value of a template on one line, "-" if there is none."""
    if value is None:
        return "-"
    is_nested = isinstance(value, dict | list)
    text = json.dumps(value, ensure_ascii=False) if is_nested else show(value)
    # Redacted before it is cut: half a token is no longer recognised as one.
    text = redacted(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _user_data(secrets: list[dict[str, Any]]) -> Iterator[str]:
    """Yield user and network data in clear, with tokens and keys masked."""
    for key in _DATA:
        for secret in secrets:
            text = secret_value(Item(secret, Origin()), key, Collector())
            if text:
                lines = [f"{line}\n" for line in masked_lines(text)]
                yield f"--- {key}\n{''.join(lines)}"


def _rejoin(key: Key) -> str:
    """Show how to make a node join once more, such as after its virtual cluster was rebuilt."""
    login = f"virtctl -n {key.namespace} ssh root@vm/{key.name}"
    # Not a reboot in the guest: only a new pod has the current content of the Secrets.
    restart = f"virtctl -n {key.namespace} restart {key.name}"
    command = f"{login} --command 'rm -f /var/lib/krmfn/joined && sync' && {restart}"
    return f"--- to make this node join again, with a token that is valid\n{command}\n"
