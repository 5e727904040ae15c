"""The commands of `krmfn`, without any logic of their own.

Docstrings of commands are their help texts.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from krmfn import __version__
from krmfn.commands.reply import USAGE, Reply

if TYPE_CHECKING:
    from krmfn.commands.tables import Screen

_Command = Callable[..., Any]
_CONFIG_HELP = (
    "The config (KubeVirtNodes or ConfigMap); else the one KubeVirtNodes among the files."
)
_KUSTOMIZE_HELP = (
    "Build the kustomization in DIR first, with kustomize from the PATH. This runs the programs "
    "that it names as functions."
)
_HERE = ["."]


def _config_option(command: _Command) -> _Command:
    """Add the option --config to a command."""
    return click.option("--config", metavar="FILE", type=click.Path(), help=_CONFIG_HELP)(command)


def _kustomize_option(command: _Command) -> _Command:
    """Add the option --kustomize to a command."""
    names = ("-k", "--kustomize", "kustomization")
    return click.option(*names, metavar="DIR", help=_KUSTOMIZE_HELP)(command)


def _folders(paths: tuple[str, ...], kustomization: str | None) -> list[str]:
    """Return what a command reads: this folder if nothing is named."""
    if paths and kustomization is not None:
        raise click.UsageError("-k DIR builds one kustomization; it does not go with other paths")
    return list(paths) or _HERE


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="krmfn")
@click.pass_context
def cli(context: click.Context) -> None:
    """Declare nodes in Git; get KubeVirt virtual machines that join their vCluster.

    Without a command, and with a ResourceList on standard input, krmfn is the KRM function that
    kustomize and kpt run.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        context.exit(USAGE)


@cli.command()
@click.argument("paths", nargs=-1, type=click.Path())
@_config_option
@_kustomize_option
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Print the other manifests among the files too, or write them with -o.",
)
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(),
    help="Write a file for each claim there instead, by cluster, to commit them.",
)
@click.option(
    "--check",
    is_flag=True,
    help="With -o: write nothing; show what would change, and exit 4 if anything would.",
)
@click.option(
    "--allow-plaintext-token",
    is_flag=True,
    help="With -o: write files that hold the join token in clear.",
)
def render(
    paths: tuple[str, ...],
    config: str | None,
    kustomization: str | None,
    everything: bool,
    output: str | None,
    check: bool,
    allow_plaintext_token: bool,
) -> None:
    """Print the virtual machines and Secrets that the files under PATH… declare (this folder; `-`
    for standard input).
    """
    if output is None and (check or allow_plaintext_token):
        raise click.UsageError("--check and --allow-plaintext-token belong to -o DIR")
    folders = _folders(paths, kustomization)
    if output is None:
        from krmfn.commands.render import render as print_manifests

        _end(print_manifests(folders, config, everything, kustomization))
    from krmfn.commands import rendered_folder

    _end(
        rendered_folder.write(
            folders, config, output, check, allow_plaintext_token, kustomization, everything
        )
    )


@cli.command()
@click.argument("paths", nargs=-1, type=click.Path())
@_config_option
@_kustomize_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="The form.",
)
@click.option(
    "--against",
    metavar="DIR|-",
    type=click.Path(allow_dash=True),
    help="Show instead what a merge would do to the machines of an earlier state.",
)
@click.option(
    "--rollout-strategy",
    type=click.Choice(["LiveUpdate", "Stage"]),
    help="With --against: KubeVirt's (the config's, else LiveUpdate).",
)
@click.option(
    "--max-deletions",
    type=click.IntRange(min=0),
    metavar="N",
    help="With --against: exit 4 where more would be deleted.",
)
@click.option(
    "--fail-on",
    metavar="VERDICT,…",
    help="With --against: exit 4 where an object or a field has one of these verdicts.",
)
@click.option("--no-color", is_flag=True, help="Neither colours nor bold on a terminal.")
def plan(
    paths: tuple[str, ...],
    config: str | None,
    kustomization: str | None,
    output: str,
    against: str | None,
    rollout_strategy: Literal["LiveUpdate", "Stage"] | None,
    max_deletions: int | None,
    fail_on: str | None,
    no_color: bool,
) -> None:
    """Show node types, claims and totals of what the files under PATH… declare (this folder; `-`
    for standard input).
    """
    folders = _folders(paths, kustomization)
    if against is not None:
        from krmfn.commands import compare

        options = compare.Options(
            strategy=rollout_strategy,
            form=output,
            max_deletions=max_deletions,
            fail_on=_verdicts(fail_on or ""),
            screen=_screen(no_color),
        )
        _end(compare.plan(folders, config, against, options, kustomization))
    limits = (rollout_strategy, max_deletions, fail_on)
    if output == "markdown" or any(limit is not None for limit in limits):
        options_text = "-o markdown, --rollout-strategy, --max-deletions and --fail-on"
        raise click.UsageError(f"{options_text} belong to --against")

    from krmfn.commands import plan as planning

    screen = _screen(no_color)
    _end(planning.plan(folders, config, output == "json", screen, kustomization))


def _screen(no_color: bool) -> Screen:
    """Return what standard output is: a terminal, on which there may be colours, or none.

    https://no-color.org says how users turn colours off.
    """
    from krmfn.commands.tables import Screen

    if not sys.stdout.isatty():
        return Screen()
    is_plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Screen(shutil.get_terminal_size().columns, not is_plain)


def _verdicts(text: str) -> frozenset[str]:
    """Read the value of --fail-on: verdicts, or the code of budgets, with commas between."""
    from krmfn.kubevirt.verdicts import VERDICTS
    from krmfn.problems import Code

    verdicts = frozenset(name for name in text.split(",") if name)
    unknown = sorted(verdicts - {*VERDICTS, Code.QUOTA})
    if unknown:
        known = f"verdicts are {', '.join(VERDICTS)}, and {Code.QUOTA}"
        raise click.UsageError(f"--fail-on has {', '.join(unknown)}; {known}")
    return verdicts


@cli.command()
@click.argument("paths", nargs=-1, type=click.Path())
@_config_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "junit", "github"]),
    default="text",
    show_default=True,
    help="The form.",
)
def check(paths: tuple[str, ...], config: str | None, output: str) -> None:
    """Check the finished virtual machines under PATH… (this folder; `-` for standard input),
    whoever made them, as KubeVirt would.
    """
    from krmfn.commands import check as checking

    _end(checking.check(list(paths) or _HERE, output, config))


@cli.command()
@click.argument("claim")
@click.argument("field", required=False)
@click.option(
    "-f",
    "--file",
    "paths",
    multiple=True,
    metavar="PATH",
    help="Files and folders to read (this folder).",
)
@_config_option
@_kustomize_option
def explain(
    claim: str,
    field: str | None,
    paths: tuple[str, ...],
    config: str | None,
    kustomization: str | None,
) -> None:
    """Show where each field of a CLAIM's machine comes from (or FIELD alone), why it has its node
    type, and its user data.
    """
    from krmfn.commands import explain as explaining

    folders = _folders(paths, kustomization)
    _end(explaining.explain(claim, field, folders, config, kustomization))


@cli.command()
@_kustomize_option
def generate(kustomization: str | None) -> None:
    """Print the manifests of an Argo CD application (config-management plugin), in whose folder
    this runs.
    """
    from krmfn.commands import argocd

    _end(argocd.generate(os.environ, kustomization))


@cli.command()
def parameters() -> None:
    """Print the parameters that an Argo CD application may set."""
    from krmfn.commands import argocd

    _end(argocd.parameters())


@cli.command()
@click.argument("folder", metavar="DIR")
def init(folder: str) -> None:
    """Write a working example to start from into DIR: provider, virtual cluster, config and
    kustomization.
    """
    from krmfn.commands import init as example

    _end(example.write(folder))


def _end(reply: Reply) -> NoReturn:
    """Print the answer and exit with its code."""
    sys.exit(reply.say())
