"""A dry run as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from tabulate import tabulate

from benchmark.dry_run.dry_run import DryRun
from benchmark.dry_run.estimate import ATTACKS, FINE_TUNING, PHASES, PREDICTION, PlannedCell, elapsed
from benchmark.dry_run.measurement import LIMIT, Measurement
from leaderboard.one_line import one_line

WIDTH = 118

HEADERS = ("task", "backbone", "method", "seed", "state", "fine-tuning", "prediction", "attacks", "total", "times from")

SPREAD = (
    "An estimate, not a promise. Times from records hold as far as the machine is as busy as it was then. Measured "
    "ones take a method's step for as many vanilla steps as it claims (a bound, where that depends on the texts) and "
    "are meant to hold within a factor 1.5. Attacks vary several times over: from text to text, and since a model "
    "that is not fine-tuned yet mostly falls sooner than it will, measured ones are rather too short. Evaluation of "
    "every epoch and writing of checkpoints are counted; what an interrupted run has predicted or attacked already is "
    "not taken off."
)


def as_text(done: DryRun, *, price_per_hour: float | None = None, workers: int = 1) -> str:
    """A line for each cell, totals, cost, and what was measured.

    Args:
        done: the dry run.
        price_per_hour: of one machine.
        workers: cells that would run at a time, each on a machine of its own.
    """
    rows = [_row(planned) for planned in done.cells]
    to_come = [planned for planned in done.cells if planned.state.kind != "finished"]
    parts = [tabulate(rows, HEADERS, disable_numparse=True, colalign=("left",) * 5 + ("right",) * 4 + ("left",))]
    lines = ["", "Minutes; total includes loading and scoring.", "", f"Cells: {_counts(done)}."]
    if to_come:
        phases = ", ".join(f"{phase} {_time(_sum(to_come, phase))}" for phase in PHASES)
        bound = "at least " if done.at_least else ""
        lines.append(f"Time: {bound}{_time(done.seconds)} ({phases}).")
        if done.once:
            lines.append(f"      with {done.once:.0f} s for importing TextAttack, once.")
        if workers > 1:
            lines.append(f"      {bound}{_time(_elapsed(done, workers))} with {workers} cells at a time.")
    if price_per_hour is not None:
        lines.append(
            f"Cost: {'at least ' if done.at_least else ''}{_cost(done, price_per_hour):,.2f} "
            f"at {price_per_hour:,.2f} an hour."
        )
    lines += [_measured(measured) for measured in done.measurements]
    if to_come:
        lines += ["", textwrap.fill(SPREAD, WIDTH)]
    return "\n".join([*parts, *lines])


def as_json(done: DryRun, *, price_per_hour: float | None = None, workers: int = 1) -> str:
    """The same for a program; times in seconds. Arguments as of `as_text`."""
    content: dict[str, Any] = {
        "cells": [_facts(planned) for planned in done.cells],
        "seconds": {phase: round(_sum(done.cells, phase), 3) for phase in PHASES},
        "seconds_once": round(done.once, 3),
        "seconds_in_all": round(done.seconds, 3),
        "at_least": done.at_least,
        "workers": workers,
        "seconds_with_workers": round(_elapsed(done, workers), 3),
        "price_per_hour": price_per_hour,
        "cost": None if price_per_hour is None else round(_cost(done, price_per_hour), 4),
        "measurements": [
            {
                "task": measured.task,
                "backbone": measured.backbone,
                "seconds": round(measured.spent, 3),
                "limit": LIMIT,
                "vanilla_step": None if measured.training is None else measured.training.mini_batch,
                "checkpoint": None if measured.training is None else measured.training.checkpoint,
                "attacks": {
                    settings.recipe: {"seconds_a_text": times.text, "least": times.least, "most": times.most}
                    for settings, times in measured.attacks.items()
                },
            }
            for measured in done.measurements
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _row(planned: PlannedCell) -> tuple[str, ...]:
    cell = planned.cell
    phases = [_minutes(planned, phase) for phase in (FINE_TUNING, PREDICTION, ATTACKS)]
    total = "–" if not planned.phases else _bound(planned.at_least) + _in_minutes(planned.seconds)
    names = (cell.task.name, cell.backbone.name, cell.method_name, str(cell.seed), str(planned.state))
    return (*map(one_line, names), *phases, total, _sources(planned))


def _minutes(planned: PlannedCell, phase: str) -> str:
    estimate = planned.phases.get(phase)
    return "–" if estimate is None else _bound(estimate.at_least) + _in_minutes(estimate.seconds)


def _bound(at_least: bool) -> str:
    return "≥ " if at_least else ""


def _in_minutes(seconds: float) -> str:
    return f"{seconds / 60:.2f}" if seconds < 600 else f"{seconds / 60:,.0f}"


def _sources(planned: PlannedCell) -> str:
    """Where the times are from; phases are named where they differ."""
    measured = [phase for phase in PHASES if phase in planned.phases and planned.phases[phase].source == "measurement"]
    records = f"{planned.records} record{'' if planned.records == 1 else 's'}"
    if not planned.phases:
        return ""
    if not measured:
        return records
    if len(measured) == len(planned.phases):
        return "measurement"
    return f"{records}; measurement of {', '.join(measured)}"


def _counts(done: DryRun) -> str:
    kinds = [planned.state.kind for planned in done.cells]
    words = {"finished": "finished", "resumes": "to resume", "to do": "to do"}
    return ", ".join(f"{kinds.count(kind)} {said}" for kind, said in words.items() if kind in kinds)


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5_400 else f"{seconds / 3600:,.1f} h"


def _sum(cells: tuple[PlannedCell, ...] | list[PlannedCell], phase: str) -> float:
    return sum(planned.phases[phase].seconds for planned in cells if phase in planned.phases)


def _elapsed(done: DryRun, workers: int) -> float:
    return done.once + elapsed([planned.seconds for planned in done.cells if planned.phases], workers)


def _cost(done: DryRun, price_per_hour: float) -> float:
    return done.seconds / 3600 * price_per_hour


def _measured(measured: Measurement) -> str:
    parts = []
    if measured.training is not None:
        training = measured.training
        parts.append(
            f"a vanilla step {training.mini_batch:.3g} s ({training.least:.3g} to {training.most:.3g} by the texts' "
            f"length; {training.steps} steps)"
        )
    if measured.prediction is not None:
        prediction = measured.prediction
        parts.append(f"prediction of {prediction.lengths[-1]} tokens {1000 * prediction.seconds[-1]:.3g} ms")
    for settings, times in measured.attacks.items():
        what = f"{_bound(times.at_least)}{times.text:.3g} s a text"
        parts.append(f"{settings.recipe} {what} ({times.least:.3g} to {times.most:.3g}; {times.texts} texts)")
    what = "; ".join(parts) or "loading"
    return f"Measured in {measured.spent:.0f} s, task {measured.task} on {measured.backbone}: {what}."


def _facts(planned: PlannedCell) -> dict[str, Any]:
    cell, state = planned.cell, planned.state
    return {
        "task": cell.task.name,
        "backbone": cell.backbone.name,
        "method": cell.method_name,
        "seed": cell.seed,
        "folder": str(cell.folder),
        "state": state.kind,
        "reason": state.reason or None,
        "step": state.step if state.kind == "resumes" else None,
        "steps": state.steps if state.kind == "resumes" else None,
        "seconds": {phase: round(estimate.seconds, 3) for phase, estimate in planned.phases.items()},
        "seconds_in_all": round(planned.seconds, 3),
        "source": {phase: estimate.source for phase, estimate in planned.phases.items()},
        "records": planned.records,
        "at_least": planned.at_least,
        "step_units": cell.build_method().step_units(),
    }
