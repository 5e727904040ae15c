"""What the commands of the command line have in common: their help, and options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_Command = Callable[..., Any]
_CONFIG_HELP = (
    "The file with the config (KubeVirtNodes or ConfigMap), if the files do not hold exactly one "
    "KubeVirtNodes."
)
_KUSTOMIZE_HELP = (
    "Build the kustomization in DIR with kustomize first. This runs the functions that it names."
)
# The key of an option that all commands share, in click's context.
_NO_COLOR = "krmfn.no_color"


class _WithExamples(click.Command):
    """A command whose help ends with examples and with the address of its page."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        from krmfn.commands.help_texts import HELP, SITE

        page, examples = HELP[ctx.command.name or ""]
        with formatter.section("Examples"):
            for purpose, line in examples:
                formatter.write(f"{'':>2}# {purpose}\n{'':>2}{line}\n")
        formatter.write(f"\nMore: {SITE}{page}\n")


class Commands(_WithExamples, click.Group):
    """The commands. None of their summaries is cut."""

    command_class = _WithExamples

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with its summary."""
        rows = [(name, command.short_help or "") for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def config_option(command: _Command) -> _Command:
    """Add the option --config to a command."""
    return click.option("--config", metavar="FILE", type=click.Path(), help=_CONFIG_HELP)(command)


def kustomize_option(command: _Command) -> _Command:
    """Add the option --kustomize to a command."""
    names = ("-k", "--kustomize", "kustomization")
    option = click.option(
        *names, metavar="DIR", help=_KUSTOMIZE_HELP, multiple=True, callback=_only_one
    )
    return option(command)


def _only_one(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> str | None:
    """Return the only value of an option: of several, click itself would take the last."""
    if len(values) > 1:
        raise click.BadParameter("can be given once; build one kustomization at a time")
    return values[0] if values else None


def _no_color(context: click.Context, parameter: click.Parameter, is_set: bool) -> None:
    """Note that there are to be no colours."""
    if is_set:
        context.meta[_NO_COLOR] = True


def is_plain(context: click.Context) -> bool:
    """Tell whether the user turned colours off."""
    return _NO_COLOR in context.meta


color_option = click.option(
    "--no-color",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_no_color,
    help="Print neither colours nor bold on a terminal.",
)


def folders_to_read(paths: tuple[str, ...], kustomization: str | None) -> list[str]:
    """Return what a command reads: this folder if nothing is named."""
    if paths and kustomization is not None:
        raise click.UsageError("-k DIR builds one kustomization; it does not go with other paths")
    return list(paths) or ["."]
