"""What is measured of one classifier: logits of every evaluation set, scores, live attacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.live_attacks import attack
from benchmark.predicted_sets import PredictedSets
from benchmark.scoring import PredictedSet, perspectives, score_sets
from benchmark.stored_logits import read_logits, store_logits
from leaderboard.compact_logits import compact
from leaderboard.record import AttackResult, DataFingerprint, EvaluatedSet, MergedClasses, Score

if TYPE_CHECKING:
    from benchmark.execution import Execution
    from benchmark.prediction import Predictor
    from benchmark.progress import Reporter
    from benchmark.stopwatch import Stopwatch
    from benchmark.suite import AttackSettings, EvaluationSettings
    from tasks.loading import LoadedEvaluation, Part


@dataclass(frozen=True)
class Evaluation:
    """Everything that was measured, as a record holds it."""

    evaluation_sets: dict[str, EvaluatedSet]
    in_distribution_test: str
    missing_sets: dict[str, str]
    set_scores: dict[str, dict[str, Score]]
    scores: dict[str, Score]
    attacks: tuple[AttackResult, ...]

    def fields(self) -> dict[str, Any]:
        """The fields of a record that hold it."""
        return dict(self.__dict__)


def evaluate(
    predictor: Predictor,
    data: LoadedEvaluation,
    settings: EvaluationSettings,
    attacks: Sequence[AttackSettings],
    folder: Path,
    reporter: Reporter,
    watch: Stopwatch,
    execution: Execution,
) -> Evaluation:
    """Predict every evaluation set, attack, and score; what an interrupted run has of it is taken over.

    Args:
        predictor: the classifier; its logits are in the order of the task's labels.
        data: the task's texts.
        settings: how they are scored.
        attacks: live attacks to run.
        folder: where logits and attacked texts go.
        reporter: shows progress.
        watch: told the seconds of prediction, attacks and scoring.
        execution: how to carry it out.
    """
    task = data.task
    with watch.time("prediction"):
        evaluated = _predict_all(data, predictor, folder, reporter)
    with watch.time("attacks"):
        workers = execution.attack_workers
        attacked = tuple(attack(item, attacks, data, predictor, folder, reporter, workers) for item in attacks)
    with watch.time("scoring"):
        roles = {item.name: item.role for item in task.evaluation_sets if item.name in evaluated}
        predicted = {
            name: PredictedSet(role, *read_logits(folder / str(evaluated[name].logits)), evaluated[name].projection)
            for name, role in roles.items()
        }
        set_scores = score_sets(predicted, task.in_distribution_test, settings.projection)
    return Evaluation(
        evaluation_sets=evaluated,
        in_distribution_test=task.in_distribution_test,
        missing_sets=dict(data.missing),
        set_scores=set_scores,
        scores=perspectives(roles, set_scores, attacked),
        attacks=attacked,
    )


def fingerprint(part: Part, truncated: int = 0) -> DataFingerprint:
    """What identifies the texts used, for the record."""
    return DataFingerprint(
        rows=len(part.examples),
        rows_available=part.rows_available,
        sha256=part.sha256,
        partial=part.partial,
        truncated=truncated,
        provenance=dict(part.provenance),
    )


def _predict_all(
    data: LoadedEvaluation, predictor: Predictor, folder: Path, reporter: Reporter
) -> dict[str, EvaluatedSet]:
    sets = {item.name: item for item in data.task.evaluation_sets}
    evaluated: dict[str, EvaluatedSet] = {}
    total = sum(len(part.examples) for part in data.evaluation.values())
    predicted = PredictedSets(folder, predictor.fingerprint())
    with reporter.phase("prediction, texts", total):
        for name, part in data.evaluation.items():
            earlier = predicted.find(name, part)
            if earlier is not None:
                evaluated[name] = earlier
                reporter.advance(len(part.examples))
                continue
            prediction = predictor.predict(part.examples, reporter.advance)
            file = f"logits/{name}.npz"
            labels = part.examples.labels if sets[name].role.labelled else None
            digest = store_logits(folder / file, prediction.logits, labels)
            projection = sets[name].projection
            evaluated[name] = EvaluatedSet(
                **fingerprint(part, prediction.truncated).model_dump(),
                role=sets[name].role.value,
                logits=file,
                logits_sha256=digest,
                projection=None
                if projection is None
                else MergedClasses(labels=projection.labels, groups=projection.groups),
                compact_logits=compact(prediction.logits, labels),
            )
            predicted.add(name, part, evaluated[name])
    return evaluated
