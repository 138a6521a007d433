"""Live attacks on a classifier, and what the record says of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.attacks import attacks as known_attacks
from benchmark.attacks.run import run_attack
from benchmark.scoring import percent
from leaderboard.record import AttackResult
from tasks.loading import DATA_SEED, LoadedTask
from tasks.splits import sample

if TYPE_CHECKING:
    from benchmark.prediction import Predictor
    from benchmark.progress import Reporter
    from benchmark.suite import AttackSettings


def attack(
    settings: AttackSettings,
    all_settings: Sequence[AttackSettings],
    data: LoadedTask,
    predictor: Predictor,
    folder: Path,
    reporter: Reporter,
) -> AttackResult:
    """Run one attack, and write its texts below the folder.

    Args:
        settings: the attack and its budget.
        all_settings: every attack of the same folder, so that files of several budgets keep apart.
        data: the task's texts.
        predictor: the classifier under attack.
        folder: the texts go to ``attacks/`` in it.
        reporter: shows progress.
    """
    target = settings.evaluation_set or data.task.in_distribution_test
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
    file = f"attacks/{file_name(settings, all_settings)}.parquet"
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


def file_name(settings: AttackSettings, all_settings: Sequence[AttackSettings]) -> str:
    """The recipe; with its budget where there are several attacks of that recipe."""
    if [other.recipe for other in all_settings].count(settings.recipe) == 1:
        return settings.recipe
    return f"{settings.recipe}-{settings.examples}-{settings.max_queries or 'unlimited'}-seed-{settings.seed}"
