"""From a task's declaration to the texts of one run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from tasks.base import EvaluationSet, Task
from tasks.errors import DataError, Unavailable
from tasks.examples import Examples
from tasks.sources import Loaded
from tasks.splits import sample, split

DATA_SEED = 0
"""Seed of every split and sample; the same for all methods and seeds, so that all see the same data."""

SELECTION_SHARE = 0.05
"""Share of the training texts set aside to choose the kept epoch; at least one text."""

SELECTION_LIMIT = 2_000
"""Most texts set aside for that."""

Selection = Literal["held-out", "reported"]
"""What the kept epoch is chosen on: texts carved from the training data, or (as published) the reported set."""


@dataclass(frozen=True)
class Part:
    """Texts as they are used, and how many there were to use."""

    examples: Examples
    rows_available: int
    partial: bool
    provenance: Mapping[str, str] = field(default_factory=dict)
    """How generated texts came about; empty for texts as published."""

    @property
    def sha256(self) -> str:
        """Hash of the texts and labels used, and of their provenance where they have one."""
        content = self.examples.sha256()
        if not self.provenance:
            return content
        return hashlib.sha256(json.dumps([content, sorted(self.provenance.items())]).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class LoadedEvaluation:
    """The texts that a classifier is scored on."""

    task: Task
    evaluation: Mapping[str, Part]
    missing: Mapping[str, str]
    """Evaluation set → why it cannot be had."""


@dataclass(frozen=True, kw_only=True)
class LoadedTask(LoadedEvaluation):
    """All texts of one run."""

    training: Part
    selection: Part


def load_task(
    task: Task,
    *,
    mirror: Path | None = None,
    train_size: int | None = None,
    evaluation_size: int | None = None,
    selection: Selection = "held-out",
) -> LoadedTask:
    """Load a task's texts.

    Args:
        task: the declaration.
        mirror: folder that hub data sets are read from instead of the hub.
        train_size: training texts to use, a fixed sample; None is all. The selection slice is carved before.
        evaluation_size: texts of each evaluation set to use at most, a fixed sample; None is all. A set of which a
            sample is scored anyway (`EvaluationSet.sample_size`) is never used beyond that.
        selection: what the kept epoch is chosen on.

    Raises:
        Unavailable: training texts or the in-distribution test set cannot be had. Other evaluation sets that cannot
            be had are listed as missing.
        DataError: any data are malformed, or have another fingerprint than the pinned one.
    """
    whole = _load_training(task, mirror)
    scored = load_evaluation(task, mirror=mirror, evaluation_size=evaluation_size)
    if selection == "held-out":
        training, chosen_on = _apart(whole, train_size)
    else:
        training = Part(sample(whole.examples, train_size, DATA_SEED), len(whole.examples), whole.partial)
        chosen_on = scored.evaluation[task.in_distribution_test]
    return LoadedTask(
        task=task,
        training=training,
        selection=chosen_on,
        evaluation=scored.evaluation,
        missing=scored.missing,
    )


def load_training(task: Task, *, mirror: Path | None = None, train_size: int | None = None) -> LoadedTask:
    """A task's training texts and the slice of them that is set aside; arguments and errors as of `load_task`.

    No evaluation set is read, and the result has none.
    """
    training, chosen_on = _apart(_load_training(task, mirror), train_size)
    return LoadedTask(task=task, training=training, selection=chosen_on, evaluation={}, missing={})


def load_evaluation(task: Task, *, mirror: Path | None = None, evaluation_size: int | None = None) -> LoadedEvaluation:
    """Load a task's evaluation sets alone, for a classifier that was fine-tuned elsewhere.

    Args:
        task: the declaration.
        mirror: folder that hub data sets are read from instead of the hub.
        evaluation_size: texts of each set to use at most, a fixed sample; None is all.

    Raises:
        Unavailable: the in-distribution test set cannot be had. Others that cannot be had are listed as missing.
        DataError: any data are malformed, or have another fingerprint than the pinned one.
    """
    evaluation: dict[str, Part] = {}
    missing: dict[str, str] = {}
    for evaluation_set in task.evaluation_sets:
        try:
            evaluation[evaluation_set.name] = load_set(task, evaluation_set, mirror, evaluation_size)
        except Unavailable as error:
            if evaluation_set.name == task.in_distribution_test:
                raise Unavailable(_needed(task, f"evaluation set {evaluation_set.name}", error, mirror)) from None
            missing[evaluation_set.name] = str(error)
    return LoadedEvaluation(task=task, evaluation=evaluation, missing=missing)


def split_selection(training: Examples) -> tuple[Examples, Examples]:
    """The slice of the training texts that the kept epoch is chosen on, and the rest."""
    aside = min(max(1, int(len(training) * SELECTION_SHARE)), SELECTION_LIMIT)
    return split(training, aside, DATA_SEED)


def load_set(task: Task, evaluation_set: EvaluationSet, mirror: Path | None, size: int | None = None) -> Part:
    """Load one evaluation set of a task; arguments and errors as of `load_evaluation`, Unavailable included."""
    loaded = evaluation_set.source.load(mirror)
    _check_fingerprint(evaluation_set.name, evaluation_set.sha256, loaded, evaluation_set.origin)
    _check_rows(evaluation_set, loaded)
    if evaluation_set.role.labelled:
        own_labels = task.labels if evaluation_set.projection is None else evaluation_set.projection.labels
        _check_labels(f"evaluation set {evaluation_set.name} ({evaluation_set.role})", own_labels, loaded.examples)
    sizes = [limit for limit in (size, evaluation_set.sample_size) if limit is not None]
    used = sample(loaded.examples, min(sizes, default=None), DATA_SEED)
    return Part(used, len(loaded.examples), loaded.partial, loaded.provenance)


def _load_training(task: Task, mirror: Path | None) -> Loaded:
    try:
        loaded = task.training.load(mirror)
    except Unavailable as error:
        raise Unavailable(_needed(task, "its training data", error, mirror)) from None
    whole = replace(loaded, examples=loaded.examples.in_memory())  # as its tokens will be
    _check_fingerprint("training data", task.training_sha256, whole, task.training_origin)
    _check_labels(f"task {task.name}: its training data", task.labels, whole.examples)
    return whole


def _apart(whole: Loaded, train_size: int | None) -> tuple[Part, Part]:
    """The training texts to use, and the slice that is set aside before."""
    held_out, rest = split_selection(whole.examples)
    return (
        Part(sample(rest, train_size, DATA_SEED), len(rest), whole.partial),
        Part(held_out, len(held_out), whole.partial),
    )


def _needed(task: Task, what: str, error: Unavailable, mirror: Path | None) -> str:
    """What a task cannot do without, why it cannot be had, and where it, or something like it, can."""
    said = [str(error).removesuffix(".")]
    if mirror is not None and task.reads_hub:
        said.append(f"roast-bench data fetch --task {task.name} fills a mirror from the hub")
    if task.smaller_task is not None:
        said.append(f"task {task.smaller_task} needs less")
    return f"task {task.name}: {what}: {'; '.join(said)}."


def _check_labels(place: str, labels: Sequence[str], examples: Examples) -> None:
    if examples.labels is None:
        raise DataError(f"{place}: has no labels; it needs one of {', '.join(labels)} for each text.")
    for row, label in enumerate(examples.labels, start=1):
        if label not in range(len(labels)):
            raise DataError(
                f"{place}: row {row} has label {label}; labels are 0 to {len(labels) - 1} ({', '.join(labels)})."
            )


def _check_rows(evaluation_set: EvaluationSet, loaded: Loaded) -> None:
    found = len(loaded.examples)
    if not loaded.partial and evaluation_set.rows not in (None, found):
        raise DataError(
            f"{evaluation_set.name}: has {found:,} rows, the card says {evaluation_set.rows:,}; "
            f"it must be {evaluation_set.origin}."
        )


def _check_fingerprint(name: str, expected: str | None, loaded: Loaded, origin: str) -> None:
    if expected is None or loaded.partial:  # a sample has another fingerprint than the whole
        return
    found = loaded.examples.sha256()
    if found != expected:
        raise DataError(
            f"{name}: its {len(loaded.examples)} rows have fingerprint {found[:12]}…, the card says {expected[:12]}…; "
            f"it must be {origin}."
        )
