"""Write what is made of the program's own tables and models anew: `make docs`."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
import yaml

from krmfn.commands.cli import cli
from krmfn.commands.schema import schema
from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.admission import RULES, Rule
from krmfn.platform.config import ConfigMapForm, KubeVirtNodes
from krmfn.platform.field_texts import field_texts
from krmfn.platform.machine_config_template import MachineConfigTemplate
from krmfn.platform.model import Model
from krmfn.platform.node_claim import NodeClaim
from krmfn.platform.node_environment import NodeEnvironment
from krmfn.platform.node_profile import NodeProfile
from krmfn.platform.node_provider import NodeProvider
from krmfn.platform.os_image import OSImage
from krmfn.platform.properties import TABLE
from krmfn.platform.pydantic_models import DOCUMENTS, Written, core_schema, pydantic_model
from krmfn.platform.schemas import ANY, NAMES
from krmfn.platform.ssh_key import SSHKey
from krmfn.platform.vcluster_yaml import ListForm, ObjectForm
from krmfn.problems.codes import ERRORS, WARNINGS
from tests.kubevirt.functions import ELSEWHERE
from tests.support import ROOT

DOCS = ROOT / "docs"
SCHEMAS = ROOT / "schemas" / "v1alpha1"
CORE_SCHEMAS = ROOT / "krmfn" / "platform" / "core_schemas"
ERRORS_TITLE = (
    "## Codes of errors\n\nAn error forbids any output and can't be accepted. Results carry its code in "
    "`tags.code`: one of these, or that of an [admission rule](rules.md)."
)
KINDS: list[tuple[str, type[Model]]] = [
    ("KubeVirtNodes", KubeVirtNodes),
    ("ConfigMap (flat config)", ConfigMapForm),
    ("NodeProvider", NodeProvider),
    ("NodeClaim", NodeClaim),
    ("NodeProfile", NodeProfile),
    ("NodeEnvironment", NodeEnvironment),
    ("OSImage", OSImage),
    ("SSHKey", SSHKey),
    ("MachineConfigTemplate", MachineConfigTemplate),
    ("vcluster.yaml: privateNodes, since 0.30", ListForm),
    ("vcluster.yaml: privateNodes, 0.28 and 0.29", ObjectForm),
]


def warnings(page: str) -> str:
    """All warnings and notices, each under its code, and a table of the codes of errors."""
    head = page[: page.index("## `")]
    sections = [f"## `{code}`\n\n{text}\n" for code, text in sorted(WARNINGS.items())]
    rows = [f"| `{code}` | {text} |\n" for code, text in ERRORS.items()]
    table = "| code | what it means |\n|---|---|\n" + "".join(rows)
    return head + "\n".join([*sections, f"{ERRORS_TITLE}\n\n{table}"])


def rules(page: str) -> str:
    """The admission rules by code."""
    rows = [f"| `{rule.code}` | {rule.text} | {_versions(rule)} |\n" for rule in RULES]
    page = _with_table(page, "| code | rule | since |\n|---|---|---|\n", rows)
    functions: dict[str, str] = dict(ELSEWHERE)
    for rule in RULES:
        for name in rule.covers:
            functions[name] = ", ".join(filter(None, (functions.get(name), f"`{rule.code}`")))
    names = sorted(functions, key=str.lower)
    rows = [f"| `{name}` | {functions[name]} |\n" for name in names]
    return _with_table(page, "| function | rule |\n|---|---|\n", rows)


def _versions(rule: Rule) -> str:
    """The versions for which a rule holds, "" for all."""
    return f"before {rule.before}" if rule.before else rule.since or ""


def properties(page: str) -> str:
    """The properties of the Platform."""
    rows = [
        f"| `{key}` | {one.since} | {one.text or f'Refused: {one.refused}.'} |\n"
        for key, one in TABLE.items()
    ]
    return _with_table(page, "| property | since | what it does |\n|---|---|---|\n", rows)


def api(page: str) -> str:
    """All kinds that are read, field by field."""
    head = page[: page.index("## ")]
    return head + "\n".join(_kind(name, model) for name, model in KINDS)


def _kind(name: str, model: type[Model]) -> str:
    rows = "".join(f"| `{path}` | {' | '.join(cells)} |\n" for path, *cells in _fields(model))
    head = "| field | type | default | what it is |\n|---|---|---|---|\n"
    return f"## {name}\n\n{_text(model)}\n\n{head}{rows}"


def _text(model: type[Model]) -> str:
    return " ".join((model.__doc__ or "").split())


def _fields(model: type[Model], before: str = "") -> Iterator[tuple[str, str, str, str]]:
    """The fields of a model and of those in it: path, type, default and what it is."""
    texts = field_texts(model)
    for name, field in pydantic_model(model).model_fields.items():
        path = f"{before}{field.alias or name}"
        if path in ("apiVersion", "kind", "status"):
            continue
        inner, listed = _inner(field.annotation)
        default = (
            "required"
            if field.is_required()
            else _default(field.get_default(call_default_factory=True))
        )
        yield path + ("[]" if listed else ""), _type(field.annotation), default, texts[name]
        if inner:
            yield from _fields(inner, f"{path}{'[]' if listed else ''}.")


def _default(value: Any) -> str:
    return (
        "" if value in (None, "", [], {}) or isinstance(value, Model) else f"`{json.dumps(value)}`"
    )


def _inner(annotation: Any) -> tuple[type[Model] | None, bool]:
    """The model inside of a type, and whether the type is a list of it."""
    if isinstance(annotation, type) and issubclass(annotation, Written):
        return annotation.model, False
    for argument in get_args(annotation):
        if (found := _inner(argument))[0]:
            return found[0], found[1] or get_origin(annotation) is list
    return None, False


def _type(annotation: Any) -> str:
    """A type in words."""
    origin, arguments = (
        get_origin(annotation),
        [argument for argument in get_args(annotation) if argument is not type(None)],
    )
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return " or ".join(f"`{json.dumps(value)}`" for value in arguments)
    if origin is list:
        inner = _type(arguments[0])
        return f"list of {inner}".replace("mapping", "mappings")
    if origin is dict:
        return f"mapping to {_type(arguments[1])}"
    if origin in (Union, UnionType):
        return " or ".join(_type(argument) for argument in arguments)
    if isinstance(annotation, type) and issubclass(annotation, Written):
        return "mapping"
    return {
        str: "text",
        int: "whole number",
        bool: "true or false",
        Quantity: "quantity",
        Any: "anything",
    }.get(annotation, "anything")


def outputs(page: str) -> str:
    """What krmfn prints as JSON, field by field."""
    head = page[: page.index("## ")]
    return head + "\n".join(map(_output, output_files()))


def output_files() -> list[Path]:
    """The schemas of what krmfn prints; beside them are those of what it reads."""
    return sorted(set(SCHEMAS.glob("*.json")) - schema_files().keys())


@cache
def schema_files() -> dict[Path, str]:
    """The schemas of what krmfn reads, as `krmfn schema` prints them."""
    return {SCHEMAS / f"{name or ANY}.json": schema(name).stdout for name in (None, *NAMES)}


def _output(file: Path) -> str:
    whole = json.loads(file.read_text())
    rows = "".join(f"| `{path}` | {kind} | {text} |\n" for path, kind, text in _parts(whole, whole))
    title = f"## {file.stem}\n\n`{whole['title']}`: {whole['description']}\n\n"
    return f"{title}| field | type | what it is |\n|---|---|---|\n{rows}"


def _parts(schema: Any, whole: Any, before: str = "") -> Iterator[tuple[str, str, str]]:
    """The fields of a schema: path, type and description."""
    for name, part in schema["properties"].items():
        part = _resolved(part, whole)
        if "const" in part and not before:
            continue
        path = f"{before}{name}"
        inner = _resolved(part.get("items", part), whole)
        is_list = part.get("type") == "array"
        text = part.get("description", inner.get("description", ""))
        if name not in schema["required"]:
            text = f"{text} May be absent."
        yield path + "[]" * is_list, _schema_type(part, inner), text
        if "properties" in inner:
            yield from _parts(inner, whole, f"{path}{'[]' * is_list}.")


def _resolved(schema: Any, whole: Any) -> Any:
    return whole["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _schema_type(part: Any, inner: Any) -> str:
    """A type in words."""
    if "const" in part:
        return f"`{json.dumps(part['const'])}`"
    if "enum" in part:
        return " or ".join(f"`{value}`" for value in part["enum"])
    words = {"string": "text", "integer": "whole number", "object": "mapping", "null": "null"}
    if part.get("type") == "array":
        return f"list of {words[inner['type']]}".replace("mapping", "objects")
    types = part.get("type", "anything")
    names = [types] if isinstance(types, str) else types
    return " or ".join(words.get(name, name) for name in names)


def action(page: str) -> str:
    """The inputs of the GitHub Action."""
    inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    rows = []
    for name, one in inputs.items():
        default = f"`{one['default']}`" if one["default"] else "unset"
        rows.append(f"| `{name}` | {default} | {one['description']} |\n")
    return _with_table(page, "| input | default | meaning |\n|---|---|---|\n", rows)


def commands(page: str) -> str:
    """The help of each command."""
    head = page[: page.index("## `krmfn")]
    context = _context(cli, None, "krmfn")
    return head + "\n".join(
        [_help(context, cli), *(_help(context, each) for each in cli.commands.values())]
    )


def _context(
    command: click.Command, parent: click.Context | None, name: str | None
) -> click.Context:
    return click.Context(
        command, parent, name, terminal_width=100, max_content_width=100, **cli.context_settings
    )


def _help(context: click.Context, command: click.Command) -> str:
    """The help of one command, as it prints it."""
    if command is not context.command:
        context = _context(command, context, command.name)
    return f"## `{context.command_path}`\n\n```text\n{context.get_help()}\n```\n"


def _with_table(page: str, head: str, rows: list[str]) -> str:
    """The page with other rows under a table's head."""
    start = page.index(head) + len(head)
    return page[:start] + "".join(rows) + re.sub(r"\A(?:\|.*\n)*", "", page[start:])


def core_schema_files() -> dict[Path, str]:
    """The schemas of the validators, as pydantic writes them."""
    return {CORE_SCHEMAS / f"{model.__name__}.json": core_schema(model) for model in DOCUMENTS}


PAGES: dict[str, Callable[[str], str]] = {
    "api.md": api,
    "warnings.md": warnings,
    "rules.md": rules,
    "properties.md": properties,
    "json.md": outputs,
    "commands.md": commands,
    "github-action.md": action,
}


if __name__ == "__main__":
    for path, text in (schema_files() | core_schema_files()).items():
        path.write_text(text)
    for name, written in PAGES.items():
        (DOCS / name).write_text(written((DOCS / name).read_text()))
