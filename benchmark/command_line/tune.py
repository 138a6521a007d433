"""``roast-bench tune``: choose hyper-parameters without looking at an evaluation set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from benchmark.command_line.echo import echo, echo_error
from benchmark.command_line.options import (
    Mirror,
    PickledWeights,
    Plugins,
    TrustRemoteCode,
    load_plugins,
    trusted,
    use_mirror,
    whole_numbers,
)
from benchmark.errors import UserError


def tune(
    suite: Annotated[str, typer.Argument(help="A suite (roast-bench list suites) or a TOML file: how to fine-tune.")],
    method: Annotated[str, typer.Option(help="The method whose hyper-parameters are searched.")],
    grid: Annotated[
        list[str], typer.Option(metavar="NAME=VALUE,…", help="Hyper-parameter and values to try; repeatable.")
    ],
    search: Annotated[
        str,
        typer.Option(
            metavar="grid|coordinate",
            help=(
                "Every combination, or one hyper-parameter after the other in the order given, starting from the "
                "suite's value of each where the grid has it, else from the first of the grid. Of equal accuracy, the "
                "first in the order of the grid wins."
            ),
        ),
    ] = "grid",
    task: Annotated[str | None, typer.Option(help="Task; by default the suite's only one.")] = None,
    backbone: Annotated[str | None, typer.Option(help="Short name, folder or hub id; likewise.")] = None,
    seeds: Annotated[list[str] | None, typer.Option(help="Seeds, such as 0,1; by default the suite's first.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Training epochs.")] = None,
    train_size: Annotated[int | None, typer.Option(help="Training texts, a fixed sample.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Output folder; by default runs/tune-<suite>-<task>-<method>.")
    ] = None,
    mirror: Mirror = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(metavar="STEPS", min=1, help="As for run: save training every so many steps.")
    ] = None,
    pickled_weights: PickledWeights = False,
    trust_remote_code: TrustRemoteCode = False,
    plugin: Plugins = None,
) -> None:
    """Choose a method's hyper-parameters on a slice of the training data; no evaluation set is read.

    What is tried and chosen is written to TUNING.md and tuning.json. A search that was interrupted goes on, and
    several on one output folder share the work. A combination of which a training fails is never chosen, the others
    go on, and the exit code is 1; the same search again tries it again.

    Of equal accuracy, the first in the order of the grid wins, whichever the search; in that order the hyper-parameter
    given first changes slowest.
    """
    from benchmark.progress import Reporter
    from benchmark.suite import load_suite, overridden
    from benchmark.tuning.grid import parse_grid
    from benchmark.tuning.report import as_toml
    from benchmark.tuning.tune import JSON_FILE, MARKDOWN_FILE, search_and_write

    load_plugins(plugin)
    changes = {
        name: value
        for name, value in {
            "tasks": None if task is None else (task,),
            "backbones": None if backbone is None else (backbone,),
            "seeds": whole_numbers("--seeds", seeds),
            "methods": (method,),
        }.items()
        if value is not None
    }
    training = {
        name: value for name, value in {"epochs": epochs, "train_size": train_size}.items() if value is not None
    }
    chosen = overridden(load_suite(suite), changes, training=training, evaluation={})
    if seeds is None:
        chosen = overridden(chosen, {"seeds": chosen.seeds[:1]}, training={}, evaluation={})
    use_mirror(mirror)
    trust = trusted(pickled_weights=pickled_weights, remote_code=trust_remote_code, unpickle_taggers=False)
    axes = parse_grid(grid)
    kind = _search(search)
    with Reporter() as reporter:
        asked, searched, folder = search_and_write(
            chosen, axes, kind, out, reporter, mirror=mirror, trust=trust, checkpoint_every=checkpoint_every
        )
    pages = [f"Wrote {folder / name}" for name in (MARKDOWN_FILE, JSON_FILE)]
    tried, failed = len(searched.combinations), len(searched.failed)
    if searched.chosen is None:
        echo(*pages)
        combinations = "the only combination" if tried == 1 else f"all {tried} combinations"
        echo_error(f"{combinations} failed, so nothing is chosen; the first: {searched.failed[0].failures[0].reason}")
        raise typer.Exit(1)
    count = "1 combination" if tried == 1 else f"{tried} combinations"
    echo(f"Tried {count}{f', {failed} failed' if failed else ''}; the best on the selection slice:")
    echo("", *as_toml(asked.method, searched.chosen).split("\n"), "", *pages)
    if failed:
        raise typer.Exit(1)


def _search(name: str) -> Literal["grid", "coordinate"]:
    if name == "grid":
        return "grid"
    if name == "coordinate":
        return "coordinate"
    raise UserError(f"--search {name}: must be grid or coordinate.")
