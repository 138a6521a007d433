"""Scores of finished records, computed again from their stored logits: no model, no texts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from benchmark.errors import UserError
from benchmark.path_inside import path_inside
from benchmark.scoring import PredictedSet, Projection, perspectives, score_sets
from benchmark.stored_logits import read_logits
from leaderboard.checksum import with_checksum
from leaderboard.read_bounded import read_bounded
from leaderboard.record import EvaluatedSet, Record, RecordError, Score, find_records, read_record
from leaderboard.replace_file import replace_file
from tasks import Role

ROUNDING = 1e-9
"""Values that differ by no more are the same score: the last bits of an exponential depend on the processor."""

PERSPECTIVE = "perspectives"
"""Stands in a change where the name of a set does elsewhere, for the five scores of the whole record."""


@dataclass(frozen=True)
class Change:
    """One score that is not what the record said."""

    set_name: str
    """The evaluation set, or `PERSPECTIVE`."""
    metric: str
    old: Score | None
    """None for a metric that the record did not have."""
    new: Score | None
    """None for a metric that is no longer computed."""


@dataclass(frozen=True)
class Rescored:
    """A record whose scores changed."""

    path: Path
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Rescoring:
    """What became of the records."""

    changed: tuple[Rescored, ...]
    unchanged: tuple[Path, ...]
    failed_cells: tuple[Path, ...]
    """Records of cells that failed: they have nothing to score."""
    refused: Mapping[Path, str]
    """Records that were left as they are → why, in one line."""
    rows: int
    """Rows of logits that were scored."""


def rescore_records(paths: Sequence[Path], *, dry_run: bool, on_record: Callable[[], None]) -> Rescoring:
    """Score every finished record again, and rewrite those whose scores changed.

    A record is replaced in one step, and nothing in it changes but its scores. One that cannot be scored stays as
    it is; the others go on.

    Args:
        paths: record files.
        dry_run: compute and compare, but write nothing.
        on_record: called after each record.
    """
    changed: list[Rescored] = []
    unchanged: list[Path] = []
    failed_cells: list[Path] = []
    refused: dict[Path, str] = {}
    rows = 0
    for path in paths:
        try:
            record = read_record(path)
            if record.status == "failed":
                failed_cells.append(path)
            else:
                changes = _rescore(path, record, dry_run=dry_run)
                rows += sum(item.rows for item in record.evaluation_sets.values())
                if changes:
                    changed.append(Rescored(path, changes))
                else:
                    unchanged.append(path)
        except RecordError as error:
            refused[path] = str(error)
        except (UserError, ValueError) as error:
            refused[path] = f"{path}: {str(error).removesuffix('.')}; the record stays as it is."
        except OSError as error:
            refused[path] = (
                f"{path}: cannot be read or written ({os.strerror(error.errno or 0)}); the record stays as it is."
            )
        on_record()
    return Rescoring(tuple(changed), tuple(unchanged), tuple(failed_cells), refused, rows)


def records_below(folders: Sequence[Path]) -> list[Path]:
    """Record files below the folders, each once.

    Raises:
        UserError: a folder holds none.
    """
    found: dict[Path, Path] = {}
    for folder in folders:
        paths = find_records(folder)
        if not paths:
            what = "no record.json below it" if folder.is_dir() else "is not a folder"
            raise UserError(f"{folder}: {what}; name a folder that `roast-bench run` wrote to.")
        for path in paths:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def compute_scores(record: Record, folder: Path) -> tuple[dict[str, dict[str, Score]], dict[str, Score]]:
    """Scores of every set and of the five perspectives, from the logits beside a finished record.

    Args:
        record: the record; the results of its live attacks are taken as they are.
        folder: where it lies.

    Raises:
        UserError: stored logits are missing, damaged or others than the record's, or the record does not say how it
            was scored.
        ValueError: logits or labels are malformed.
    """
    sets = {name: _predicted_set(name, item, folder) for name, item in record.evaluation_sets.items()}
    return scores_of(record, sets)


def scores_of(record: Record, sets: Mapping[str, PredictedSet]) -> tuple[dict[str, dict[str, Score]], dict[str, Score]]:
    """Scores of every set and of the five perspectives, from logits that were read already.

    Raises:
        UserError: the record does not say how it was scored.
        ValueError: logits or labels are malformed.
    """
    set_scores = score_sets(sets, _in_distribution_test(record), _projection(record))
    return set_scores, perspectives({name: item.role for name, item in sets.items()}, set_scores, record.attacks)


def _rescore(path: Path, record: Record, *, dry_run: bool) -> tuple[Change, ...]:
    set_scores, scores = compute_scores(record, path.parent)
    # The new scores go into the file's own content, where those that did not change keep their very digits.
    content = from_json(read_bounded(path))
    old_sets = content.get("set_scores", {})
    changes: list[Change] = []
    content["set_scores"] = {
        name: _merged(name, record.set_scores.get(name, {}), found, old_sets.get(name, {}), changes)
        for name, found in set_scores.items()
    }
    for name, scores_of_set in record.set_scores.items():
        if name not in set_scores:
            _merged(name, scores_of_set, {}, {}, changes)
    content["scores"] = _merged(PERSPECTIVE, record.scores, scores, content["scores"], changes)
    if changes and not dry_run:
        replace_file(path, with_checksum(content))
    return tuple(changes)


def _merged(
    set_name: str,
    old: Mapping[str, Score],
    new: Mapping[str, Score],
    old_content: Mapping[str, Any],
    changes: list[Change],
) -> dict[str, Any]:
    """The new scores as JSON values; each that differs from the old is noted."""
    merged = {}
    for metric, score in new.items():
        if metric in old and _same(old[metric], score):
            merged[metric] = old_content[metric]
        else:
            merged[metric] = score.model_dump(mode="json")
            changes.append(Change(set_name, metric, old.get(metric), score))
    changes += [Change(set_name, metric, score, None) for metric, score in old.items() if metric not in new]
    return merged


def _same(old: Score, new: Score) -> bool:
    if old.value is None or new.value is None:
        return old == new
    return abs(old.value - new.value) <= ROUNDING and old == new.model_copy(update={"value": old.value})


def _predicted_set(name: str, item: EvaluatedSet, folder: Path) -> PredictedSet:
    if item.logits is None or item.logits_sha256 is None:
        raise UserError(f"evaluation set {name}: the record names no stored logits, or not their sha256")
    file = path_inside(folder, item.logits)
    if file is None:
        raise UserError(f"evaluation set {name}: its logits {item.logits!r} are not below the record's folder")
    try:
        logits, labels = read_logits(file, item.logits_sha256)
    except UserError as error:
        raise UserError(f"evaluation set {name}: {str(error).removeprefix(f'{folder}/')}") from None
    found = logits.shape[0] if logits.ndim else 0
    if found != item.rows:
        raise UserError(f"evaluation set {name}: {item.logits} holds {found:,} rows, the record {item.rows:,}")
    return PredictedSet(Role(item.role), logits, labels, item.projection)


def _projection(record: Record) -> Projection:
    evaluation = record.configuration.resolved.get("evaluation")
    # Records from before there was a choice have none.
    chosen = evaluation.get("projection", "probabilities") if isinstance(evaluation, dict) else "probabilities"
    if chosen == "probabilities":
        return "probabilities"
    if chosen == "predictions":
        return "predictions"
    raise UserError(f"evaluation.projection is {chosen!r}; it must be 'probabilities' or 'predictions'")


def _in_distribution_test(record: Record) -> str:
    """The set that anomalies are told from; records from before it was written down take it from the task."""
    if record.in_distribution_test is not None:
        return record.in_distribution_test
    from benchmark.declared_task import declare_task
    from benchmark.plugins import load_entry_points

    load_entry_points()
    try:
        return declare_task(record.cell.task).in_distribution_test
    except UserError as error:
        raise UserError(f"the record does not say which set anomalies are told from, and {error}") from None
