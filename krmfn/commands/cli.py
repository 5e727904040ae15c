"""The commands of `krmfn`, without any logic of their own.

Docstrings of commands are their help texts.
"""

from __future__ import annotations

import os
import sys
from typing import Literal, NoReturn, TextIO

import click

from krmfn import __version__
from krmfn.commands.cli_parts import (
    Commands,
    color_option,
    config_option,
    folders_to_read,
    is_plain,
    kustomize_option,
)
from krmfn.commands.reply import USAGE, Reply
from krmfn.commands.screen import Screen

# The key of the line of progress in click's context.
_PROGRESS = "krmfn.progress"


@click.group(
    name="krmfn",
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
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
    if sys.stderr.isatty():
        from krmfn.commands.progress import Progress

        context.meta[_PROGRESS] = Progress(context.invoked_subcommand)


@cli.command(short_help="Print the virtual machines and Secrets, or write them as files.")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path())
@config_option
@kustomize_option
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also print or write the manifests that krmfn does not read.",
)
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(),
    help="Write a file for each node claim into DIR, to commit them.",
)
@click.option(
    "--check",
    is_flag=True,
    help="With -o: write nothing. Show what would change, and exit with 4 if anything would.",
)
@click.option(
    "--allow-plaintext-token",
    is_flag=True,
    help="With -o: allow files that hold the join token in clear text.",
)
@color_option
def render(
    paths: tuple[str, ...],
    config: str | None,
    kustomization: str | None,
    everything: bool,
    output: str | None,
    check: bool,
    allow_plaintext_token: bool,
) -> None:
    """Print the virtual machines and Secrets that files declare, or write them with -o DIR.

    PATH is a file or a folder, or `-` for standard input. Without one, krmfn reads this folder.
    """
    if output is None and (check or allow_plaintext_token):
        raise click.UsageError("--check and --allow-plaintext-token belong to -o DIR")
    folders = folders_to_read(paths, kustomization)
    if output is None:
        from krmfn.commands.render import render as print_manifests

        _end(print_manifests(folders, config, everything, kustomization))
    from krmfn.commands import rendered_folder

    _end(
        rendered_folder.write(
            folders, config, output, check, allow_plaintext_token, kustomization, everything
        )
    )


@cli.command(short_help="Show what is declared, or what a merge would do.")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path())
@config_option
@kustomize_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "markdown", "html"]),
    default="text",
    show_default=True,
    help="The format; html is a page of its own, to open in a browser.",
)
@click.option(
    "--against",
    metavar="DIR|-",
    type=click.Path(allow_dash=True),
    help="Compare with rendered files, or with -, what krmfn render or kubectl prints.",
)
@click.option(
    "--rollout-strategy",
    type=click.Choice(["LiveUpdate", "Stage"]),
    help="With --against: KubeVirt's roll-out strategy.  [default: the config's, or LiveUpdate]",
)
@click.option(
    "--max-deletions",
    type=click.IntRange(min=0),
    metavar="N",
    help="With --against: exit with 4 if more than N machines would be deleted.",
)
@click.option(
    "--fail-on",
    metavar="VERDICT,…",
    help="With --against: exit with 4 if an object or a field has one of these verdicts.",
)
@color_option
def plan(
    paths: tuple[str, ...],
    config: str | None,
    kustomization: str | None,
    output: str,
    against: str | None,
    rollout_strategy: Literal["LiveUpdate", "Stage"] | None,
    max_deletions: int | None,
    fail_on: str | None,
) -> None:
    """Show the node types, node claims and totals that files declare. With --against, show what a
    merge would do to each machine of an earlier state.

    PATH is a file or a folder, or `-` for standard input. Without one, krmfn reads this folder.
    """
    folders = folders_to_read(paths, kustomization)
    if against is not None:
        from krmfn.commands import compare

        options = compare.Options(
            strategy=rollout_strategy,
            form=output,
            max_deletions=max_deletions,
            fail_on=_verdicts(fail_on or ""),
            screen=_screen(sys.stdout),
        )
        _end(compare.plan(folders, config, against, options, kustomization))
    limits = (rollout_strategy, max_deletions, fail_on)
    if output == "markdown" or any(limit is not None for limit in limits):
        options_text = "-o markdown, --rollout-strategy, --max-deletions and --fail-on"
        raise click.UsageError(f"{options_text} belong to --against")

    from krmfn.commands import plan as planning

    screen = _screen(sys.stdout)
    _end(planning.plan(folders, config, output, screen, kustomization))


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


@cli.command(short_help="Check finished virtual machines as KubeVirt would.")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path())
@config_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "junit", "github"]),
    default="text",
    show_default=True,
    help="The format.",
)
@color_option
def check(paths: tuple[str, ...], config: str | None, output: str) -> None:
    """Check finished virtual machines as KubeVirt would, whoever made them.

    PATH is a file or a folder, or `-` for standard input. Without one, krmfn reads this folder.
    """
    from krmfn.commands import check as checking

    _end(checking.check(folders_to_read(paths, None), output, config))


@cli.command(short_help="Show where each field of a machine comes from.")
@click.argument("claim")
@click.argument("field", required=False)
@click.option(
    "-f",
    "--file",
    "paths",
    multiple=True,
    metavar="PATH",
    help="A file or folder to read; can be repeated.  [default: this folder]",
)
@config_option
@kustomize_option
@color_option
def explain(
    claim: str,
    field: str | None,
    paths: tuple[str, ...],
    config: str | None,
    kustomization: str | None,
) -> None:
    """Show where each field of a machine comes from, why it has its node type, and its user data.

    CLAIM is the name of a node claim. With FIELD, such as `spec.template.spec.domain`, show only
    that field and those below it.
    """
    from krmfn.commands import explain as explaining

    folders = folders_to_read(paths, kustomization)
    _end(explaining.explain(claim, field, folders, config, kustomization))


@cli.command(short_help="Print the manifests of an Argo CD application (plugin).")
@kustomize_option
def generate(kustomization: str | None) -> None:
    """Print the manifests of the Argo CD application in this folder.

    Argo CD's config-management plugin runs this command.
    """
    from krmfn.commands import argocd

    _end(argocd.generate(os.environ, kustomization))


@cli.command(short_help="Print the parameters of the Argo CD plugin.")
def parameters() -> None:
    """Print the parameters that an Argo CD application can set, as JSON."""
    from krmfn.commands import argocd

    _end(argocd.parameters())


@cli.command(short_help="Print JSON Schema for editors.")
@click.argument("kind", required=False)
def schema(kind: str | None) -> None:
    """Print JSON Schema of what krmfn reads, for editors: of one KIND, of `vcluster.yaml`, or of
    any document.
    """
    from krmfn.commands import schema as describing
    from krmfn.platform.schemas import NAMES
    from krmfn.problems import nearest

    if kind is not None and kind not in NAMES:
        known = f"krmfn has schemas of {', '.join(NAMES)}"
        raise click.UsageError(f"unknown kind {kind}{nearest(kind, NAMES)}; {known}")
    _end(describing.schema(kind))


@cli.command(short_help="Write a working example to start from.")
@click.argument("folder", metavar="DIR")
@click.option(
    "--virtual-cluster",
    metavar="NAME",
    default="tenant-1",
    show_default=True,
    help="The virtual cluster that the nodes join.",
)
@click.option(
    "--endpoint",
    metavar="HOST[:PORT]",
    help="The address of its API server, as the nodes reach it.  [default: NAME.example.com:443]",
)
@click.option(
    "--cluster",
    metavar="NAME",
    default="kubevirt-1",
    show_default=True,
    help="The KubeVirt cluster that runs the machines.",
)
@click.option(
    "--namespace",
    metavar="NAME",
    default="machines",
    show_default=True,
    help="The machines' namespace in the KubeVirt cluster.",
)
def init(
    folder: str, virtual_cluster: str, endpoint: str | None, cluster: str, namespace: str
) -> None:
    """Write a working example to start from into DIR: a node provider, a virtual cluster with a
    pool, the config and a kustomization.

    Put in the names of your own clusters with the options, or edit the files.
    """
    from krmfn.commands import init as example

    names = example.Names(virtual_cluster, endpoint, cluster, namespace)
    _end(example.write(folder, names))


def _end(reply: Reply) -> NoReturn:
    """Print the answer and exit with its code."""
    meta = click.get_current_context().meta
    if _PROGRESS in meta:
        meta[_PROGRESS].end()
    sys.exit(reply.say(_screen(sys.stderr)))


def _screen(stream: TextIO) -> Screen:
    """Return what people see of a stream."""
    return Screen.of(stream, is_plain(click.get_current_context()))
