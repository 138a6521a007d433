"""``roast-bench run --plan``: its options, and how it is carried out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.command_line.echo import echo
from benchmark.command_line.options import check_folder
from benchmark.errors import UserError
from benchmark.execution import Execution

if TYPE_CHECKING:
    from benchmark.plan import Cell

Plan = Annotated[
    bool,
    typer.Option(
        "--plan", help="Train nothing: print the cells, how far each is, and the time that the rest is likely to take."
    ),
]

PricePerHour = Annotated[
    float | None,
    typer.Option(metavar="PRICE", help="With --plan: what an hour of the machine costs, in any currency."),
]

TimesFrom = Annotated[
    list[Path] | None,
    typer.Option(metavar="FOLDER", help="With --plan: also take times from the records below this folder; repeatable."),
]


def check_plan_options(plan: bool, price_per_hour: float | None, times_from: Sequence[Path] | None) -> None:
    """Refuse options that go with ``--plan`` alone, a price that is none, and folders that are not there.

    Raises:
        UserError: one of these.
    """
    for option, value in (("--price-per-hour", price_per_hour), ("--times-from", times_from)):
        if value and not plan:
            raise UserError(f"{option} goes with --plan, which is not given.")
    if price_per_hour is not None and not (math.isfinite(price_per_hour) and price_per_hour >= 0):
        raise UserError(f"--price-per-hour {price_per_hour}: give a number from 0 on, such as 2.50.")
    for folder in times_from or ():
        check_folder("--times-from", folder)


def print_plan(
    cells: list[Cell],
    folder: Path,
    mirror: Path | None,
    execution: Execution,
    *,
    price_per_hour: float | None,
    times_from: Sequence[Path] | None,
    as_json: bool,
) -> None:
    """Make the dry run and print it."""
    from benchmark.dry_run.dry_run import dry_run
    from benchmark.dry_run.report import as_json as json_of
    from benchmark.dry_run.report import as_text
    from benchmark.progress import Reporter

    with Reporter() as reporter:
        done = dry_run(cells, folder, reporter, mirror=mirror, execution=execution, times_from=times_from or ())
    echo(*(json_of if as_json else as_text)(done, price_per_hour=price_per_hour).split("\n"))
