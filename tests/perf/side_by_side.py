"""What the measurements here share: taking turns, medians, one form of result."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tabulate import tabulate

from benchmark.environment import MIRROR_VARIABLE

COMMAND = Path(sysconfig.get_path("scripts"), "roast-bench")
"""The command, as a user starts it."""

MIRROR_BESIDE = Path(__file__).parents[3] / "shared" / "mirror"
"""Where a mirror is looked for when none is named."""

T = TypeVar("T")


@dataclass(frozen=True)
class Measurement:
    """One line of the page: what was measured, what came out, and what was to be reached."""

    what: str
    result: str
    """With its unit: "2.21× (1.79 s against 3.95 s)"."""
    target: str = ""
    """As it is stated: "≥ 15×"; empty where there is none."""
    reached: bool | None = None
    """None where there is no target."""


@dataclass(frozen=True)
class Breakdown:
    """A table of its own below the page's lines, such as where the time goes."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def at_least(what: str, value: float, target: float, result: str, unit: str = "×") -> Measurement:
    """A measurement that is to reach ``target`` from below."""
    return Measurement(what, result, f"≥ {target:g}{unit}", value >= target)


def at_most(what: str, value: float, target: float, result: str, unit: str = "×") -> Measurement:
    """A measurement that is to stay at or below ``target``."""
    return Measurement(what, result, f"≤ {target:g}{unit}", value <= target)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds that the work took, and what it gave."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def in_turns(works: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: bool = True) -> dict[str, list[float]]:
    """Seconds of each work in every round; all take their turn in each, the first forwards, the next backwards."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    if warm_up:
        for work in works.values():
            work()
    for round_ in range(rounds):
        for name in list(works) if round_ % 2 == 0 else reversed(list(works)):
            seconds[name].append(timed(works[name])[0])
    return seconds


def ratio(numerator: Sequence[float], denominator: Sequence[float]) -> float:
    """The median over the rounds of the ratio within each round, which a slow minute distorts less than a median."""
    return statistics.median(a / b for a, b in zip(numerator, denominator, strict=True))


def parser_of(description: str | None, *, mirror: bool = False) -> argparse.ArgumentParser:
    """A parser with what all measurements take: ``--json``, and ``--mirror`` where they read one."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the results to this file as well")
    if mirror:
        beside = str(MIRROR_BESIDE) if MIRROR_BESIDE.is_dir() else None
        parser.add_argument(
            "--mirror", type=Path, default=os.environ.get(MIRROR_VARIABLE) or beside, help="folder of real data"
        )
    return parser


def conclude(
    options: argparse.Namespace, measurements: Sequence[Measurement], breakdowns: Sequence[Breakdown] = ()
) -> int:
    """Print the results, write them where asked to; the exit code: 1 where a target was missed."""
    if measurements:
        print(results_table(measurements))
    for breakdown in breakdowns:
        print(f"\n{breakdown.title}\n\n{breakdown_table(breakdown)}")
    if options.json:
        content = {
            "measurements": [dataclasses.asdict(item) for item in measurements],
            "breakdowns": [dataclasses.asdict(item) for item in breakdowns],
        }
        options.json.write_text(json.dumps(content), encoding="utf-8")
    return 1 if any(item.reached is False for item in measurements) else 0


def results_table(measurements: Sequence[Measurement]) -> str:
    """Markdown of measurements, one line each."""
    said = {None: "", True: "yes", False: "**no**"}
    rows = [(item.what, item.result, item.target, said[item.reached]) for item in measurements]
    return tabulate(rows, ("what", "result", "target", "reached"), tablefmt="github", disable_numparse=True)


def breakdown_table(breakdown: Breakdown) -> str:
    """Markdown of a breakdown, as its rows are written."""
    return tabulate(breakdown.rows, breakdown.headers, tablefmt="github", disable_numparse=True)
