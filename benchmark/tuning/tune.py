"""A search from what was asked for to the files that it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.plan import Cell, canonical_keys, plan
from benchmark.progress import Reporter
from benchmark.run import check_enough_texts, check_fine_tuning, make_writable
from benchmark.suite import Suite, overridden
from benchmark.trust import Trust
from benchmark.tuning.grid import Grid
from benchmark.tuning.report import Searching, render_json, render_markdown
from benchmark.tuning.search import Combination, Search, Searched, Values, search
from benchmark.tuning.trial import run_trials
from leaderboard.replace_file import replace_file
from tasks import DataError
from tasks.loading import LoadedTask, load_training

MARKDOWN_FILE = "TUNING.md"
JSON_FILE = "tuning.json"


def search_and_write(
    suite: Suite,
    grid: Grid,
    kind: Search,
    out: Path | None,
    reporter: Reporter,
    *,
    mirror: Path | None,
    trust: Trust,
    checkpoint_every: int | None = None,
) -> tuple[Searching, Searched, Path]:
    """Search a grid for the suite's only method on its only task and backbone, and write what came of it.

    Every combination is checked before the first is tried.

    Args:
        suite: how to fine-tune; attacks and evaluation settings play no part.
        grid: what to try.
        kind: how to go through it.
        out: output folder; None is the default one.
        reporter: shows progress.
        mirror: folder that hub data sets are read from.
        trust: what the backbone's files may do.
        checkpoint_every: optimizer steps between checkpoints.

    Returns:
        What was asked for, what came of it, and the output folder.

    Raises:
        UserError: there are several tasks or backbones, a hyper-parameter is unknown or out of range, the epoch is
            not chosen on held-out training texts, or data cannot be had.
    """
    for what, names in (("task", suite.tasks), ("backbone", suite.backbones)):
        if len(set(names)) > 1:
            raise UserError(f"suite {suite.name}: has several {what}s ({', '.join(names)}); choose one with --{what}.")
    if suite.training.selection != "held-out":
        raise UserError(
            f"suite {suite.name}: training.selection is {suite.training.selection!r}, which looks at a reported set; "
            "a search needs 'held-out'."
        )
    suite = overridden(suite, {"attacks": ()}, training={}, evaluation={})

    def cells_of(values: Values) -> list[Cell]:
        given = canonical_keys(suite.hyper_parameters)
        (name,) = canonical_keys({suite.methods[0]: {}})
        merged = {**given, name: {**given.get(name, {}), **values}}
        return plan(overridden(suite, {"hyper_parameters": merged}, training={}, evaluation={}), mirror, trust=trust)

    cells = [cell for name, values in grid.items() for value in values for cell in cells_of({name: value})]
    first = cells_of({})[0]
    folder = out or Path("runs") / f"tune-{suite.name}-{first.task.name}-{first.method_name}"
    make_writable(folder)
    data = _load(cells, mirror)

    def try_out(combinations: Sequence[Values]) -> list[Combination]:
        planned = [cells_of(values) for values in combinations]
        trials = iter(
            run_trials([cell for group in planned for cell in group], data, folder, reporter, checkpoint_every)
        )
        return [
            Combination(values, tuple(next(trials) for _ in group))
            for values, group in zip(combinations, planned, strict=True)
        ]

    start: dict[str, Any] = {name: first.hyper_parameters[name] for name in grid}
    searched = search(grid, kind, start, try_out)
    asked = Searching(
        suite=suite.name,
        task=first.task.name,
        backbone=first.backbone.name,
        method=first.method_name,
        seeds=tuple(dict.fromkeys(suite.seeds)),
        search=kind,
        grid=grid,
    )
    replace_file(folder / MARKDOWN_FILE, render_markdown(asked, searched).encode())
    replace_file(folder / JSON_FILE, render_json(asked, searched))
    return asked, searched, folder


def _load(cells: Sequence[Cell], mirror: Path | None) -> LoadedTask:
    cell = cells[0]
    check_fine_tuning(cells)
    try:
        data = load_training(cell.task, mirror=mirror, train_size=cell.training.train_size)
    except DataError as error:
        raise UserError(str(error)) from None
    check_enough_texts(cell, data)
    return data
