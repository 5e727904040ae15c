"""`krmfn explain CLAIM [FIELD]`: where each field of a machine comes from, why it has its node type, and what its guest is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from krmfn.commands.compare import told
from krmfn.commands.declared import declared
from krmfn.commands.plan import table
from krmfn.commands.reply import DONE, PROBLEMS, Reply
from krmfn.guest.join import secret_value
from krmfn.kubevirt.changes import Change, differences
from krmfn.kubevirt.merge import merge
from krmfn.kubevirt.vm_paths import NAMED, Named, get
from krmfn.manifests.item import Item
from krmfn.manifests.yamlio import read
from krmfn.nodes.build import Build
from krmfn.nodes.claims import Claim, origin
from krmfn.nodes.node_types import missed
from krmfn.problems import (
    Origin,
    Path,
    Place,
    listed,
    masked_lines,
    nearest,
    redacted,
    report,
    show,
)

_LONGEST = 80


def explain(name: str, field: str | None, paths: list[str], config: str | None) -> Reply:
    """Explain the machine of a claim, named as `name` or `namespace/name`; with `field`, that field and those below it alone."""
    found = declared(paths, config, several_clusters=True)
    if isinstance(found, Reply):
        return found
    claims = [claim for claim in found.built.claims if name in _names(claim)]
    if len(claims) != 1:
        known = sorted(
            f"{claim.request.namespace}/{claim.name}" if claim.request.namespace else claim.name
            for claim in found.built.claims
        )
        plain = [claim.name for claim in found.built.claims]
        text = f"{show(name)} is {'several claims' if claims else 'no claim'}; there are {listed(known)}{nearest(name, [*known, *plain])}"
        return Reply("", report([*found.problems, Place().error(text)]), PROBLEMS)
    [claim] = claims
    machine, secret = _made(found.built, claim)
    rows = [
        row
        for row in _rows(machine, claim)
        if field is None or row[1] == field or row[1].startswith((f"{field}.", f"{field}["))
    ]
    if not rows:
        known = [path for _, path, _, _ in _rows(machine, claim)]
        text = f"{show(field)} is no field of {claim.namespace}/{claim.name}{nearest(field or '', known)}"
        return Reply("", report([*found.problems, Place().error(text)]), PROBLEMS)
    fields = table(
        [["LAYER", "FIELD", "VALUE"], *([layer, path, value] for layer, path, value, _ in rows)],
        yielding=(2,),
        width=None,
    )
    if field is not None:
        return Reply(
            fields
            + "".join(
                f"{where}\n" for where in dict.fromkeys(where for _, _, _, where in rows) if where
            ),
            "",
            DONE,
        )
    parts = [*_node_type(claim), fields, *_dropped(claim), *_user_data(secret)]
    return Reply("\n".join(parts), "", DONE)


def _names(claim: Claim) -> tuple[str, str, str]:
    """What a claim may be called by: its name, in its project's namespace, and in its machine's, as `plan --against` prints it."""
    return claim.name, f"{claim.request.namespace}/{claim.name}", f"{claim.namespace}/{claim.name}"


def _made(built: Build, claim: Claim) -> tuple[dict[str, Any], dict[str, Any]]:
    texts = {
        made.kind: made.text
        for made in built.objects
        if (made.claim, made.namespace) == (claim.name, claim.namespace)
    }
    return read(texts["VirtualMachine"])[0][0].data, read(texts["Secret"])[0][0].data


def _rows(machine: dict[str, Any], claim: Claim) -> Iterator[tuple[str, str, str, str]]:
    """The layer, path, value and place of every field, in the order in which the machine has them."""
    for key in ("metadata", "spec"):
        for path, value in _leaves(machine[key], (key,)):
            layer, place = origin(claim, path)
            if path[:2] in (("metadata", "name"), ("metadata", "namespace")):
                layer, place = "krmfn", None
            yield layer, Change(path, None, None).text, _value(value), told(place) if place else ""


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _leaves(child, (*path, key))
    elif isinstance(value, list) and path in NAMED:
        for element in value:
            yield from _leaves(element, (*path, Named(get(element, NAMED[path]))))
    elif isinstance(value, list) and value:
        for index, child in enumerate(value):
            yield from _leaves(child, (*path, index))
    else:
        yield path, value


def _node_type(claim: Claim) -> Iterator[str]:
    """The node types of the provider, and why this one."""
    yield f"{claim.request}: machine {claim.namespace}/{claim.name}, of provider {claim.offer.provider.metadata.name}\n"
    asked = claim.request.asked
    rows = [["NODETYPE", "COST", "WHY"]]
    for offer in sorted(
        claim.offer.siblings or [claim.offer], key=lambda offer: (offer.cost, offer.name)
    ):
        lacks = missed(offer, asked)
        taken = "named by typeRef" if asked.type_ref else "the cheapest that meets all"
        why = (
            taken
            if offer is claim.offer
            else f"misses {', '.join(lacks)}"
            if lacks
            else "would do, and is not the one"
        )
        rows.append([offer.name or "(vm-template)", str(offer.cost), why])
    yield table(rows)


def _dropped(claim: Claim) -> Iterator[str]:
    """What stood in a template and merges have replaced or taken out."""
    first, *patches = claim.node.prototype.layers.layers if claim.node else (None,)
    rows = []
    merged = first.value if first else {}
    for patch in patches:
        before, merged = merged, merge(merged, patch.value)
        rows += [
            [one.text, _value(one.old), _value(one.new)]
            for one in differences(before, merged)
            if one.old is not None
        ]
    if rows:
        yield table([["REPLACED BY A MERGE", "WAS", "IS"], *rows], yielding=(1, 2), width=None)


def _value(value: Any) -> str:
    """A value of a template on a line, "-" where there is none."""
    if value is None:
        return "-"
    # Redacted before it is cut: half a token is no longer recognised as one.
    text = redacted(
        json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else show(value)
    )
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _user_data(secret: dict[str, Any]) -> Iterator[str]:
    """User and network data in clear, tokens and keys masked."""
    for key in ("userdata", "networkdata"):
        text, _ = secret_value(Item(secret, Origin()), key)
        if text:
            yield f"--- {key}\n" + "".join(f"{line}\n" for line in masked_lines(text))
