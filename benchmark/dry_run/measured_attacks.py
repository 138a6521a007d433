"""Seconds of an attack on a text, from a few texts."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.attacked_set import attacked_set
from benchmark.attacks import attacks as known_attacks
from benchmark.attacks.asked_once import AskedOnce
from benchmark.attacks.one_thread import one_torch_thread
from benchmark.attacks.outcome import AttackOutcome
from benchmark.attacks.run import run_attack
from benchmark.attacks.worker_processes import can_fork, cores
from benchmark.dry_run.clock import Clock
from benchmark.live_attacks import with_similarities
from tasks.loading import DATA_SEED, LoadedEvaluation
from tasks.splits import sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmark.prediction import Predictor
    from benchmark.suite import AttackSettings
    from tasks import Examples

LENGTHS = (0.5, 0.1, 0.9, 0.3, 0.7)
"""Quantiles of the texts' lengths that are attacked, in this order."""


@dataclass(frozen=True)
class AttackTimes:
    """Seconds of one attack's parts, in one process."""

    begin: float
    """Building the attack, and the similarities in the end."""
    text: float
    """A text, as a mean."""
    least: float
    most: float
    """Those of the quickest and the slowest of the texts attacked."""
    texts: int
    """Texts attacked to the end."""
    at_least: bool
    """The time was over in the middle of a text."""

    def of(self, texts: int, workers: int | None) -> float:
        """Seconds of attacking so many texts in so many processes; None is as many as there are cores."""
        processes = (cores() if workers is None else workers) if can_fork() else 1
        return self.begin + math.ceil(texts / processes) * self.text


class _TimeIsOver(Exception):
    """Raised in the middle of an attack."""


class _Timed(AskedOnce):
    """Notes when it is first asked, and refuses to answer when the time is over."""

    clock: Clock
    first: float | None = None

    def __call__(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> NDArray[Any]:
        if self.first is None:
            self.first = time.perf_counter()
        elif self.clock.over:
            raise _TimeIsOver
        return super().__call__(texts)


def measure_attack(settings: AttackSettings, data: LoadedEvaluation, predictor: Predictor, clock: Clock) -> AttackTimes:
    """Attack a few of the texts that would be attacked, of lengths spread over theirs.

    The model is not fine-tuned: what it predicts counts as right, so that no text is skipped.

    Args:
        settings: the attack and its budget.
        data: the task's texts.
        predictor: the classifier.
        clock: the model is asked nothing more after its end.
    """
    whole = sample(data.evaluation[attacked_set(settings, data.task)].examples, settings.examples, DATA_SEED)
    examples = _spread(whole)
    timed = _Timed.of(predictor)
    timed.clock = clock
    texts = examples.texts if examples.second_texts is None else list(zip(*examples.columns(), strict=True))
    with one_torch_thread():
        labels = timed.predict(examples).logits.argmax(axis=1).tolist()
    ends: list[float] = []
    start = time.perf_counter()
    outcome: AttackOutcome | None = None
    with suppress(_TimeIsOver):
        outcome = run_attack(
            known_attacks[settings.recipe],
            timed,
            texts,
            labels,
            max_queries=settings.max_queries,
            seed=settings.seed,
            field=settings.field,
            on_finished=lambda example: ends.append(time.perf_counter()),
        )
    stopped = time.perf_counter()
    first = start if timed.first is None else timed.first
    each = [end - begin for begin, end in zip([first, *ends], ends, strict=False)] or [stopped - first]
    if outcome is None:
        return AttackTimes(first - start, (stopped - first) / (len(ends) + 1), min(each), max(each), len(ends), True)
    with_similarities(outcome)
    begin = first - start + time.perf_counter() - stopped
    return AttackTimes(begin, sum(each) / len(each), min(each), max(each), len(ends), False)


def _spread(examples: Examples) -> Examples:
    ordered = sorted(range(len(examples)), key=lambda row: sum(len(column[row]) for column in examples.columns()))
    rows = [ordered[int(quantile * (len(ordered) - 1))] for quantile in LENGTHS]
    return examples.select(list(dict.fromkeys(rows)))
