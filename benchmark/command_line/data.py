"""``roast-bench data``: fill a mirror, check every set, show examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.command_line.echo import echo, echo_json
from benchmark.command_line.options import AsJson, Mirror, Plugins, TransferSets, check_folder, load_plugins, names
from benchmark.environment import MIRROR_VARIABLE
from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.data.fetch import Fetched
    from benchmark.data.show import Shown

SHOWN = 300
"""Characters of a text that a terminal gets."""

data = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Fill a mirror from the hub, check data sets, show examples."
)

Tasks = Annotated[
    list[str] | None, typer.Option("--task", help="Task; several by comma or repetition; by default all.")
]


@data.command("fetch")
def fetch_data(
    mirror: Annotated[
        Path | None, typer.Option(envvar=MIRROR_VARIABLE, help="Folder to fill; made where there is none.")
    ] = None,
    task: Tasks = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME", help="Evaluation set, or training; several likewise; by default all."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch also files that are there, samples included.")] = False,
    plugin: Plugins = None,
) -> None:
    """Fetch the hub data sets of the tasks into a mirror folder; exit code 1 where some cannot be had."""
    from benchmark.data.fetch import fetch, wanted_files
    from benchmark.data.task_sets import chosen_sets, chosen_tasks

    load_plugins(plugin)
    if mirror is None:
        raise UserError("name the folder to fill with --mirror.")
    if mirror.exists() and not mirror.is_dir():
        raise UserError(f"--mirror {mirror}: is not a folder.")
    chosen = chosen_tasks(names("--task", task))
    wanted = wanted_files(chosen_sets(chosen, names("--set", set_)))
    outcome = fetch(mirror, wanted, force=force, say=lambda line: echo(line, err=True))
    echo(*_outcome(outcome, mirror))
    if outcome.failed:
        raise typer.Exit(1)


def _outcome(outcome: Fetched, mirror: Path) -> list[str]:
    counts = {
        "fetched": outcome.fetched,
        "there already": outcome.present,
        "kept, being a sample": outcome.kept_partial,
        "cannot be had": outcome.failed,
    }
    said = ", ".join(f"{len(files)} {what}" for what, files in counts.items() if files)
    return [
        f"mirror {mirror}: {said or 'nothing to fetch; these sets read no hub data set'}.",
        *(f"cannot be had: {file}: {' '.join(reason.split())}" for file, reason in outcome.failed.items()),
    ]


@data.command("check")
def check_data(
    mirror: Mirror = None,
    transfer_sets: TransferSets = None,
    task: Tasks = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Check fingerprints, labels, empty and repeated texts, and overlaps; exit code 1 where there are errors."""
    from dataclasses import asdict

    from benchmark.data.check import check
    from benchmark.data.report_text import report_lines
    from benchmark.data.task_sets import chosen_tasks

    load_plugins(plugin)
    check_folder("--mirror", mirror)
    check_folder("--transfer-sets", transfer_sets)
    chosen = chosen_tasks(names("--task", task), transfer_sets)
    report = check(chosen, mirror, lambda line: echo(line, err=True))
    if as_json:
        counts = {"errors": report.count("error"), "notes": report.count("note")}
        _print_json({**counts, **asdict(report)})
    else:
        echo(*report_lines(report))
    if report.count("error"):
        raise typer.Exit(1)


@data.command("show")
def show_data(
    name: Annotated[str, typer.Argument(metavar="SET", help="Evaluation set, or training.")],
    task: Tasks = None,
    count: Annotated[int, typer.Option(min=1, help="Examples to show.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Another seed shows others.")] = 0,
    mirror: Mirror = None,
    transfer_sets: TransferSets = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Show a few examples of a set, the same for the same seed."""
    from benchmark.data.show import show
    from benchmark.data.task_sets import chosen_tasks

    load_plugins(plugin)
    check_folder("--mirror", mirror)
    check_folder("--transfer-sets", transfer_sets)
    chosen = chosen_tasks(names("--task", task), transfer_sets)
    shown = show(name, chosen, mirror, count=count, seed=seed)
    if as_json:
        _print_json(_facts(shown))
    else:
        echo(*_examples(shown))


def _facts(shown: Shown) -> dict[str, Any]:
    item, examples = shown.item, shown.examples
    return {
        "set": item.name,
        "tasks": list(shown.tasks),
        "role": item.role,
        "origin": item.origin,
        "licence": item.licence or None,
        "rows": shown.rows,
        "partial": shown.partial,
        "examples": [
            {"label": shown.label(row), **dict(zip(("text", "second_text"), texts, strict=False))}
            for row, texts in enumerate(zip(*examples.columns(), strict=True))
        ],
    }


def _examples(shown: Shown) -> list[str]:
    from benchmark.printable import printable

    item = shown.item
    sample = ", a sample" if shown.partial else ""
    lines = [
        f"{item.name}: {item.role}, {shown.rows:,} {'row' if shown.rows == 1 else 'rows'}{sample}",
        f"tasks:   {', '.join(shown.tasks)}",
        f"origin:  {printable(item.origin)}",
        *([f"licence: {printable(item.licence)}"] if item.licence else []),
    ]
    for row, texts in enumerate(zip(*shown.examples.columns(), strict=True)):
        label = shown.label(row)
        first, *second = (printable(text, SHOWN) for text in texts)
        lines += ["", f"{'' if label is None else f'[{label}] '}{first}", *(f"    {text}" for text in second)]
    return lines


def _print_json(facts: dict[str, Any]) -> None:
    # Characters beyond ASCII are escaped: texts may hold any, those that control a terminal included.
    echo_json(facts)
