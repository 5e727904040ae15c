"""The commands of `krmfn`, without any logic of their own."""

from __future__ import annotations

import sys
from functools import partial
from typing import NoReturn

import click

from krmfn import __version__, files
from krmfn.function import USAGE, Reply


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="krmfn")
@click.pass_context
def cli(context: click.Context) -> None:
    """Declare nodes in Git; get KubeVirt virtual machines that join their vCluster.

    Without a command, and with a ResourceList on standard input, krmfn is the KRM function that kustomize and kpt run.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        context.exit(USAGE)


@cli.command()
@click.argument("paths", nargs=-1)
@click.option("--config", metavar="FILE", help="The config (KubeVirtNodes or ConfigMap); else the one KubeVirtNodes among the files.")
@click.option("--all", "everything", is_flag=True, help="Print the other manifests among the files too.")
def render(paths: tuple[str, ...], config: str | None, everything: bool) -> None:
    """Print the virtual machines and Secrets that the files under PATH… declare (this folder; `-` for standard input)."""
    _end(files.render(list(paths) or ["."], config, everything))


@cli.command()
@click.argument("paths", nargs=-1)
@click.option("--config", metavar="FILE", help="The config (KubeVirtNodes or ConfigMap); else the one KubeVirtNodes among the files.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The form of the plan.")
def plan(paths: tuple[str, ...], config: str | None, output: str) -> None:
    """Show node types, claims and totals of what the files under PATH… declare (this folder; `-` for standard input)."""
    from krmfn import plan as tables

    bold = output == "text" and sys.stdout.isatty()
    shown = tables.as_json if output == "json" else partial(tables.as_text, bold=bold)
    _end(files.answer(list(paths) or ["."], config, lambda items, built: shown(built), several_clusters=True))


def _end(reply: Reply) -> NoReturn:
    sys.stderr.write(reply.stderr)
    sys.stdout.write(reply.stdout)
    sys.stdout.flush()
    sys.exit(reply.code)
