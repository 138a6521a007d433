"""The way of one cell: data, backbone, fine-tuning, prediction, scores, attacks, record."""

from __future__ import annotations

import datetime
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.attacks import attacks as known_attacks
from benchmark.attacks.run import run_attack
from benchmark.backbones import load_classifier, load_tokenizer
from benchmark.fine_tuning import fine_tune
from benchmark.peak_memory import peak_memory_bytes, reset_peak_memory
from benchmark.plan import Cell
from benchmark.prediction import Predictor
from benchmark.progress import Reporter
from benchmark.provenance import code_version, machine, package_versions
from benchmark.scoring import PredictedSet, percent, perspectives, score_sets
from benchmark.stored_logits import read_logits, store_logits
from benchmark.suite import AttackSettings
from leaderboard.record import (
    AttackResult,
    Configuration,
    DataFingerprint,
    EvaluatedSet,
    Record,
)
from tasks.loading import DATA_SEED, LoadedTask, Part
from tasks.splits import sample

CHECKPOINTS = "checkpoint"
"""Folder of a cell that holds training checkpoints until the record is written."""

MODEL = "model"
"""Folder of a cell that holds the fine-tuned model where it is kept."""


@dataclass
class Stopwatch:
    """Wall time of each phase, in seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, phase: str) -> Iterator[None]:
        """Add the time spent in the context to a phase."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - start


def run_cell(cell: Cell, data: LoadedTask, folder: Path, reporter: Reporter, *, keep_model: bool) -> Record:
    """Run one cell and return its record, unwritten.

    Args:
        cell: what to run.
        data: the task's texts under the cell's settings.
        folder: the cell's own folder; logits, attacked texts and checkpoints go there.
        reporter: shows progress.
        keep_model: also save the fine-tuned model and its tokenizer there.
    """
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    watch = Stopwatch()
    reset_peak_memory()
    with watch.time("loading"):
        tokenizer = load_tokenizer(cell.backbone)
        model = load_classifier(cell.backbone, cell.task.labels, cell.seed, tokenizer.pad_token_id)
    with watch.time("fine-tuning"):
        training = fine_tune(
            model,
            tokenizer,
            cell.build_method(),
            cell.training,
            training=data.training.examples,
            selection=data.selection.examples,
            seed=cell.seed,
            checkpoints=folder / CHECKPOINTS,
            reporter=reporter,
        )
    if keep_model:
        model.save_pretrained(folder / MODEL)
        tokenizer.save_pretrained(folder / MODEL)
    predictor = Predictor(model, tokenizer, cell.training.max_length)
    with watch.time("prediction"):
        evaluated = _predict_all(cell, data, predictor, folder, reporter)
    with watch.time("attacks"):
        attacked = tuple(_attack(settings, cell, data, predictor, folder, reporter) for settings in cell.attacks)
    with watch.time("scoring"):
        roles = {item.name: item.role for item in cell.task.evaluation_sets if item.name in evaluated}
        predicted = {
            name: PredictedSet(role, *read_logits(folder / str(evaluated[name].logits))) for name, role in roles.items()
        }
        set_scores = score_sets(predicted, cell.task.in_distribution_test)
    return Record(
        status="finished",
        **origin(cell, started),
        seconds={phase: round(value, 3) for phase, value in watch.seconds.items()},
        peak_memory_bytes=peak_memory_bytes(),
        training_data={"train": _fingerprint(data.training), "selection": _fingerprint(data.selection)},
        evaluation_sets=evaluated,
        missing_sets=dict(data.missing),
        training=training,
        scores=perspectives(roles, set_scores, attacked),
        set_scores=set_scores,
        attacks=attacked,
    )


def origin(cell: Cell, started: str) -> dict[str, Any]:
    """Fields of a record that say what ran, on which code and machine, finished or failed."""
    return {
        "cell": cell.identity,
        "configuration": Configuration(given=dict(cell.given), resolved=cell.resolved()),
        "code": code_version(),
        "packages": package_versions(),
        "machine": machine(),
        "started": started,
    }


def remove_checkpoints(folder: Path) -> None:
    """Remove what only an unfinished cell needs."""
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def _predict_all(
    cell: Cell, data: LoadedTask, predictor: Predictor, folder: Path, reporter: Reporter
) -> dict[str, EvaluatedSet]:
    roles = {item.name: item.role for item in cell.task.evaluation_sets}
    evaluated: dict[str, EvaluatedSet] = {}
    total = sum(len(part.examples) for part in data.evaluation.values())
    with reporter.phase("prediction, texts", total):
        for name, part in data.evaluation.items():
            prediction = predictor.predict(part.examples, reporter.advance)
            file = f"logits/{name}.npz"
            labels = part.examples.labels if roles[name].labelled else None
            digest = store_logits(folder / file, prediction.logits, labels)
            evaluated[name] = EvaluatedSet(
                **_fingerprint(part, prediction.truncated).model_dump(),
                role=roles[name].value,
                logits=file,
                logits_sha256=digest,
            )
    return evaluated


def _attack(
    settings: AttackSettings, cell: Cell, data: LoadedTask, predictor: Predictor, folder: Path, reporter: Reporter
) -> AttackResult:
    target = cell.task.in_distribution_test
    examples = sample(data.evaluation[target].examples, settings.examples, DATA_SEED)
    assert examples.labels is not None
    texts = (
        examples.texts
        if examples.second_texts is None
        else tuple(zip(examples.texts, examples.second_texts, strict=True))
    )
    with reporter.phase(f"attack {settings.recipe}, texts", len(examples)):
        outcome = run_attack(
            known_attacks[settings.recipe],
            predictor,
            texts,
            examples.labels,
            max_queries=settings.max_queries,
            seed=settings.seed,
            on_progress=lambda done, total: reporter.advance(),
        )
    file = f"attacks/{_attack_name(settings, cell)}.parquet"
    outcome.write_parquet(folder / file)
    result = AttackResult(
        recipe=settings.recipe,
        evaluation_set=target,
        examples=len(examples),
        max_queries=settings.max_queries,
        seed=settings.seed,
        succeeded=outcome.counts["succeeded"],
        failed=outcome.counts["failed"],
        skipped=outcome.counts["skipped"],
        accuracy_under_attack=percent(lambda: outcome.accuracy_under_attack, ()),
        attack_success_rate=percent(lambda: outcome.attack_success_rate, (), higher_is_better=False),
        queries=outcome.queries,
        seconds=round(outcome.seconds, 3),
        texts=file,
    )
    covers = (result.column,)
    return result.model_copy(
        update={
            "accuracy_under_attack": result.accuracy_under_attack.model_copy(update={"sets": covers}),
            "attack_success_rate": result.attack_success_rate.model_copy(update={"sets": covers}),
        }
    )


def _attack_name(settings: AttackSettings, cell: Cell) -> str:
    """The recipe; with its budget where the cell has several attacks of that recipe."""
    if [attack.recipe for attack in cell.attacks].count(settings.recipe) == 1:
        return settings.recipe
    return f"{settings.recipe}-{settings.examples}-{settings.max_queries or 'unlimited'}-seed-{settings.seed}"


def _fingerprint(part: Part, truncated: int = 0) -> DataFingerprint:
    return DataFingerprint(
        rows=len(part.examples),
        rows_available=part.rows_available,
        sha256=part.examples.sha256(),
        partial=part.partial,
        truncated=truncated,
    )
