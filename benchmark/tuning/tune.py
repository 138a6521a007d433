"""A search from what was asked for to the files that it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import UserError
from benchmark.plan import Cell, canonical_keys, plan
from benchmark.progress import Reporter
from benchmark.run import check_enough_texts, check_fine_tuning, make_writable
from benchmark.suite import Suite, overridden
from benchmark.trust import Trust
from benchmark.tuning.grid import Grid
from benchmark.tuning.report import Searching, render_json, render_markdown
from benchmark.tuning.search import Combination, Search, Searched, Values, search, start_within
from benchmark.tuning.trials import Trials
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

    Every value is checked before the first combination is tried. A combination of which a training fails is not
    chosen, and the others go on.

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
    from benchmark.evaluation import fingerprint  # numpy and more take a second to import

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
    own = {name: first.hyper_parameters[name] for name in grid}
    asked = Searching(
        suite=suite.name,
        task=first.task.name,
        backbone=first.backbone.name,
        method=first.method_name,
        seeds=tuple(dict.fromkeys(suite.seeds)),
        search=kind,
        grid=grid,
        own=own,
        start=start_within(grid, own),
        training=first.training.model_dump(mode="json"),
        training_data={"train": fingerprint(data.training), "selection": fingerprint(data.selection)},
    )
    trials = Trials(data, dict(asked.training_data), folder, reporter, checkpoint_every)

    def try_out(combinations: Sequence[Values]) -> list[Combination]:
        planned = [cells_of(values) for values in combinations]
        outcomes = iter(trials.of([cell for group in planned for cell in group]))
        return [
            Combination(values, tuple(next(outcomes) for _ in group))
            for values, group in zip(combinations, planned, strict=True)
        ]

    searched = search(grid, kind, asked.start, try_out)
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
