"""Estimates from the times in finished records."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from benchmark.attacked_set import attacked_set
from benchmark.dry_run.estimate import ATTACKS, FINE_TUNING, OTHER, PREDICTION, Estimate
from benchmark.dry_run.text_lengths import SampledTexts, tokens_in_all
from benchmark.errors import UserError
from benchmark.plan import Cell
from benchmark.suite import AttackSettings
from leaderboard.record import (
    AttackResult,
    DamagedRecordError,
    Machine,
    Record,
    RecordError,
    Training,
    find_records,
    read_record,
)

SHAPING = (
    "batch_size",
    "gradient_accumulation",
    "max_length",
    "train_size",
    "length_bucketing",
    "selection",
    "precision",
)
"""Training settings that a step's time depends on; epochs and learning rates are not among them."""

SPEED = ("device", "processor", "threads", "processes")
"""What of a machine times hang on."""


def usable_records(folders: Sequence[Path], here: Machine) -> list[Record]:
    """Finished records below the folders whose times hold on this machine.

    A resumed training's record holds the phases' times of its last part alone and is passed over, as is one of another
    device, processor or number of threads or processes.

    Raises:
        UserError: another version of roast-bench wrote a record.
    """
    found = []
    for path in sorted({path.resolve(): path for folder in folders for path in find_records(folder)}.values()):
        try:
            record = read_record(path)
        except DamagedRecordError:
            continue
        except RecordError as error:
            raise UserError(str(error)) from None
        made_here = all(getattr(record.machine, what) == getattr(here, what) for what in SPEED)
        if record.status == "finished" and record.training is not None and not record.training.resumed and made_here:
            found.append(record)
    return found


def records_of(cell: Cell, records: Sequence[Record]) -> list[Record]:
    """Records of the same task, backbone and method, trained in steps of the same work."""
    resolved = cell.resolved()
    return [
        record
        for record in records
        if (record.cell.task, record.cell.method) == (cell.task.name, cell.method_name)
        and record.configuration.resolved.get("backbone") == resolved["backbone"]
        and _same(record.configuration.resolved.get("training"), resolved["training"])
        and _same_units(record, cell)
    ]


def estimates_from(
    records: Sequence[Record],
    cell: Cell,
    steps: int,
    sets: Mapping[str, SampledTexts],
    *,
    attacks_too: bool = True,
) -> dict[str, Estimate]:
    """Phases of a cell that its records tell the time of; medians over the records.

    Args:
        records: as `records_of` finds them.
        cell: the cell.
        steps: optimizer steps of its training.
        sets: texts of its evaluation sets; prediction is scaled by their tokens.
        attacks_too: whether attacks run with as many worker processes as usual, which a record does not say.
    """
    found: dict[str, list[float]] = {}
    tokens = tokens_in_all({name: item.rows for name, item in sets.items()}, sets)
    for record in records:
        training = record.training
        if isinstance(training, Training) and training.steps and FINE_TUNING in record.seconds:
            found.setdefault(FINE_TUNING, []).append(record.seconds[FINE_TUNING] / training.steps * steps)
        predicted = tokens_in_all({name: item.rows for name, item in record.evaluation_sets.items()}, sets)
        if predicted and tokens is not None and PREDICTION in record.seconds:
            found.setdefault(PREDICTION, []).append(record.seconds[PREDICTION] / predicted * tokens)
        rest = (value for name, value in record.seconds.items() if name not in (FINE_TUNING, PREDICTION, ATTACKS))
        found.setdefault(OTHER, []).append(sum(rest))
    estimates = {phase: Estimate(statistics.median(values), "records") for phase, values in found.items()}
    attacks = _attack_seconds(records, cell)
    if attacks is not None and (attacks_too or not cell.attacks):
        estimates[ATTACKS] = Estimate(attacks, "records")
    return estimates


def _attack_seconds(records: Sequence[Record], cell: Cell) -> float | None:
    if not records:
        return None
    total = 0.0
    for settings in cell.attacks:
        per_text = [
            result.seconds / result.examples
            for record in records
            for result in record.attacks
            if result.examples and _same_attack(result, settings, cell)
        ]
        if not per_text:
            return None
        total += statistics.median(per_text) * settings.examples
    if not cell.attacks:
        return 0.0
    # What comes on top: similarities, and in a process's first cell the import of TextAttack, which others are spared.
    beside = [
        record.seconds.get(ATTACKS, 0.0) - sum(result.seconds for result in record.attacks)
        for record in records
        if record.attacks
    ]
    return total + max(0.0, min(beside))


def _same_attack(result: AttackResult, settings: AttackSettings, cell: Cell) -> bool:
    return (result.recipe, result.max_queries, result.evaluation_set) == (
        settings.recipe,
        settings.max_queries,
        attacked_set(settings, cell.task),
    ) and result.field in (None, settings.field)


def _same(recorded: object, planned: Mapping[str, object]) -> bool:
    return isinstance(recorded, dict) and all(key in recorded and recorded[key] == planned[key] for key in SHAPING)


def _same_units(record: Record, cell: Cell) -> bool:
    """Whether its hyper-parameters, which may be others, make steps of the same passes."""
    try:
        recorded = cell.method(**record.configuration.resolved.get("hyper_parameters", {}))
    except (ValidationError, TypeError):  # of an earlier version of the method
        return False
    return recorded.step_units() == cell.build_method().step_units()
