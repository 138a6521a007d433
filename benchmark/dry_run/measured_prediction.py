"""Seconds of predicting a text, by its length."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmark.dry_run.clock import Clock
from benchmark.dry_run.text_lengths import SampledTexts
from benchmark.prediction import TOKENS_PER_BATCH, Predictor

LENGTHS = (0.5, 0.98, 0.02, 0.8, 0.2)
"""Quantiles of the texts' lengths that are measured, in this order."""

ROUNDS = 3


@dataclass(frozen=True)
class PredictionTimes:
    """Seconds of a text at some lengths."""

    lengths: tuple[int, ...]
    """Tokens, ascending."""
    seconds: tuple[float, ...]

    def of(self, texts: SampledTexts) -> float:
        """Seconds of all texts of a set."""
        if not len(texts.lengths):
            return 0.0
        if len(self.lengths) == 1:
            return texts.rows * texts.mean * self.seconds[0] / self.lengths[0]
        return texts.rows * float(np.interp(texts.lengths, self.lengths, self.seconds).mean())


def measure_prediction(predictor: Predictor, sets: Iterable[SampledTexts], clock: Clock) -> PredictionTimes:
    """Predict batches of texts of one length each, of lengths spread over those of all sets.

    Args:
        predictor: the classifier.
        sets: texts to predict; at least one text in all.
        clock: no batch begins after its end, but the first.
    """
    all_sets = list(sets)
    texts = sorted(
        (length, place, row) for place, one in enumerate(all_sets) for row, length in enumerate(one.lengths.tolist())
    )
    found: dict[int, float] = {}
    for quantile in LENGTHS:
        length, place, row = texts[int(quantile * (len(texts) - 1))]
        if length in found or (found and clock.over):
            continue
        # Copies of one text need no padding, as texts of similar length hardly do in the whole set.
        batch = all_sets[place].examples.select([row] * max(1, TOKENS_PER_BATCH // length))
        seconds: list[float] = []
        for round_ in range(ROUNDS + 1):
            start = time.perf_counter()
            predictor.predict(batch)
            if round_ or clock.over:  # the first one warms up
                seconds.append(time.perf_counter() - start)
            if clock.over:
                break
        found[length] = statistics.median(seconds) / len(batch)
    return PredictionTimes(tuple(sorted(found)), tuple(found[length] for length in sorted(found)))
