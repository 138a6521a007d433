"""Live attacks on a classifier, and what the record says of them."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import benchmark
from benchmark.attacked_set import attacked_set
from benchmark.attacks import attacks as known_attacks
from benchmark.attacks.asked_once import AskedOnce
from benchmark.attacks.attacked_field import attacked_part
from benchmark.attacks.journal import Journal, inputs_hash
from benchmark.attacks.one_thread import one_torch_thread
from benchmark.attacks.outcome import AttackOutcome, read_examples
from benchmark.attacks.run import run_attack
from benchmark.attacks.similarity import ENCODER, NoEncoder, similarities
from benchmark.attacks.worker_processes import cores
from benchmark.file_digest import sha256_of
from benchmark.metrics.undefined import UndefinedMetric
from benchmark.scoring import percent
from leaderboard.packed_bits import pack_bits
from leaderboard.record import AttackResult, Score
from tasks.loading import DATA_SEED, LoadedEvaluation
from tasks.splits import sample

if TYPE_CHECKING:
    from benchmark.prediction import Prediction, Predictor
    from benchmark.progress import Reporter
    from benchmark.suite import AttackSettings
    from tasks import Examples


def attack(
    settings: AttackSettings,
    all_settings: Sequence[AttackSettings],
    data: LoadedEvaluation,
    predictor: Predictor,
    folder: Path,
    reporter: Reporter,
    workers: int | None = None,
) -> AttackResult:
    """Run one attack, and write its texts below the folder.

    What an interrupted run has attacked is taken over, where it was the same attack on the same texts, and the model
    predicts the same logits for them. Until the Parquet file is written, finished examples are in a journal beside it.

    Args:
        settings: the attack and its budget.
        all_settings: every attack of the same folder, so that files of several budgets keep apart.
        data: the task's texts.
        predictor: the classifier under attack.
        folder: the texts go to ``attacks/`` in it.
        reporter: shows progress.
        workers: processes that attack texts side by side; None is as many as there are cores. The result is the
            same for any number.
    """
    target = attacked_set(settings, data.task)
    examples = sample(data.evaluation[target].examples, settings.examples, DATA_SEED)
    assert examples.labels is not None
    asked_once = AskedOnce.of(predictor)
    with one_torch_thread():  # as when attacking, so that what the file says of the model hangs on no number of cores
        original = asked_once.predict(examples)
    inputs = _inputs(settings, examples, original)
    file = f"attacks/{file_name(settings, all_settings)}.parquet"
    journal = Journal((folder / file).with_suffix(".partial.jsonl"), inputs)
    finished = read_examples(folder / file, inputs) or journal.finished
    if finished:
        reporter.say(f"  attack {settings.recipe}: {len(finished):,} texts were attacked by an interrupted run")
    with reporter.phase(f"attack {settings.recipe}, texts", len(examples)):
        outcome = run_attack(
            known_attacks[settings.recipe],
            asked_once,
            examples.texts if examples.second_texts is None else _pairs(examples),
            examples.labels,
            max_queries=settings.max_queries,
            seed=settings.seed,
            field=settings.field,
            workers=cores() if workers is None else workers,
            finished=finished,
            on_finished=journal.add,
            on_progress=lambda done, total: reporter.advance(),
        )
    outcome, no_encoder = with_similarities(outcome)
    outcome.write_parquet(folder / file, inputs)
    journal.remove()
    result = AttackResult(
        recipe=settings.recipe,
        evaluation_set=target,
        examples=len(examples),
        max_queries=settings.max_queries,
        seed=settings.seed,
        field=outcome.field,
        succeeded=outcome.counts["succeeded"],
        failed=outcome.counts["failed"],
        skipped=outcome.counts["skipped"],
        truncated=original.truncated,
        accuracy_under_attack=percent(lambda: outcome.accuracy_under_attack, ()),
        attack_success_rate=percent(lambda: outcome.attack_success_rate, (), higher_is_better=False),
        words_changed=_score("words", lambda: outcome.words_changed),
        words_left=_score("words", lambda: outcome.words_left) if outcome.goal == "reduction" else None,
        queries_per_text=_score("queries", lambda: outcome.queries_per_text),
        similarity=_score("cosine", lambda: outcome.similarity, no_encoder, higher_is_better=False),
        queries=outcome.queries,
        seconds=round(outcome.seconds, 3),
        held_out=pack_bits([example.outcome == "failed" for example in outcome.examples]),
        texts=file,
        texts_sha256=sha256_of(folder / file),
    )
    return _covering_itself(result)


def with_similarities(outcome: AttackOutcome) -> tuple[AttackOutcome, str | None]:
    """The outcome with the similarity of every example that was not skipped.

    Returns:
        The outcome, and why there are no similarities where the sentence encoder is not on the machine.
    """
    attacked = [example for example in outcome.examples if example.outcome != "skipped"]
    try:
        found = similarities(
            [attacked_part(example.original_text, outcome.field) for example in attacked],
            [attacked_part(example.attacked_text, outcome.field) for example in attacked],
        ).tolist()
        reason = None
    except NoEncoder as error:
        found, reason = [None] * len(attacked), str(error)
    of = dict(zip((id(example) for example in attacked), found, strict=True))
    measured = (dataclasses.replace(example, similarity=of.get(id(example))) for example in outcome.examples)
    return dataclasses.replace(outcome, examples=tuple(measured)), reason


def file_name(settings: AttackSettings, all_settings: Sequence[AttackSettings]) -> str:
    """The recipe; with everything that tells it from others where there are several attacks of that recipe."""
    if [other.recipe for other in all_settings].count(settings.recipe) == 1:
        return settings.recipe
    name = f"{settings.recipe}-{settings.examples}-{settings.max_queries or 'unlimited'}-seed-{settings.seed}"
    # No recipe and no set has an underscore in its name, so no two attacks get the same file.
    if settings.evaluation_set:
        name += f"_on-{settings.evaluation_set}"
    return name if settings.field == "hypothesis" else f"{name}_{settings.field}"


def _pairs(examples: Examples) -> list[tuple[str, str]]:
    assert examples.second_texts is not None
    return list(zip(examples.texts, examples.second_texts, strict=True))


def _inputs(settings: AttackSettings, examples: Examples, original: Prediction) -> str:
    """What stands for everything that the outcome depends on. The logits stand for the model."""
    return inputs_hash(
        {
            "settings": settings.model_dump(mode="json"),
            "texts": examples.sha256(),
            "logits": hashlib.sha256(original.logits.tobytes()).hexdigest(),
            "roast-bench": benchmark.__version__,
            "textattack": importlib.metadata.version("textattack"),
        }
    )


def _score(
    unit: Literal["words", "queries", "cosine"],
    compute: Callable[[], float],
    why_not: str | None = None,
    *,
    higher_is_better: bool = True,
) -> Score:
    """A mean as a score; the more an attack has to do, and the further it has to go, the better for the model."""
    try:
        return Score(value=compute(), unit=unit, higher_is_better=higher_is_better, sets=())
    except UndefinedMetric as error:
        return Score(value=None, unit=unit, higher_is_better=higher_is_better, sets=(), reason=why_not or str(error))


def _covering_itself(result: AttackResult) -> AttackResult:
    """The result with its column as what each of its scores covers, and the sentence encoder where it took part."""
    changes = {}
    for name, value in result:
        if isinstance(value, Score):
            covers = (result.column, ENCODER) if name == "similarity" else (result.column,)
            changes[name] = value.model_copy(update={"sets": covers})
    return result.model_copy(update=changes)
