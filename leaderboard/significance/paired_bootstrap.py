"""Scores of records when their texts are drawn again, all of them with the same draws: the paired bootstrap.

Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapters 6 and 10 (bias).
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from leaderboard.record import Record
from leaderboard.significance.column_sources import Source, attack_of, held_out
from leaderboard.significance.draws import TextDraws, seed_weights
from leaderboard.significance.resampled_calibration import BINS, TEMPERATURES, ResampledCalibration, shuffled
from leaderboard.significance.resampled_detection import ResampledDetection
from leaderboard.significance.single_predictions import anomaly_scores, labelled_predictions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COUNTS_AT_A_TIME = 200_000
"""Texts times replicates: few enough for the processor's cache."""

_FEWEST_AT_A_TIME = 32
"""Replicates: matrix products of fewer columns are slow."""

_NUMBERS_HELD = 4_000_000
"""In a thread's memory at a time, of all records of a group."""

_MOST_THREADS = 4

Scores = dict[Source, "NDArray[np.float64]"]
"""Of one record: percent, (1 + replicates,); the first is that of the texts as they are."""


def resample_texts(records: Sequence[Record], sources: Sequence[Source], replicates: int) -> list[Scores]:
    """Each source's score of each record, on its texts and on as many texts drawn from them with replacement.

    The draws of a set are the same for all records, and those of different sets are independent. They hang on the
    set's name and content alone: another row, seed or set changes nobody's draws.

    Calibration errors are moved by a constant so that their mean over the replicates is the error on the texts as
    they are. Being a sum of absolute values, the error grows when texts are drawn again, the more the smaller it is;
    unmoved, intervals of a difference would lie beside the difference. Accuracies and areas under the curve have no
    such bias.

    Args:
        records: that hold the single predictions of the same texts.
        sources: what to score.
        replicates: how often to draw.

    Returns:
        One for each record. The bits do not depend on the number of threads, nor on which other records there are.
    """
    found: list[Scores] = [{} for _ in records]
    labelled: dict[str, list[Source]] = defaultdict(list)
    anomalies: dict[str, list[Source]] = defaultdict(list)
    jobs = []
    for source in sources:
        if source.kind == "attack":
            jobs.append(partial(_resample_attack, records, source, replicates, found))
        elif source.kind == "detection":
            anomalies[source.against].append(source)
        else:
            labelled[source.name].append(source)
    jobs += [partial(_resample_detection, records, name, of, replicates, found) for name, of in anomalies.items()]
    jobs += [partial(_resample_labelled, records, name, of, replicates, found) for name, of in labelled.items()]
    from threadpoolctl import threadpool_limits

    # NumPy lets threads run side by side; with several more in each matrix product they would wait for each other.
    with (
        threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as threads,
    ):
        for done in [threads.submit(job) for job in jobs]:
            done.result()
    return found


def vary_seeds(of_seed: Mapping[int, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean over seeds, which in each replicate deviates from it as far as means over so many seeds do.

    The deviations are those of a t interval, weighted sums of the seeds' own scores
    (:func:`leaderboard.significance.draws.seed_weights`). What single seeds owe to the texts alone is thereby counted
    twice, so intervals are rather too wide than too narrow.

    Args:
        of_seed: seed → scores of its record, (1 + replicates,), the first on the texts as they are.

    Returns:
        The same shape; the first is the mean as it is, and of one seed nothing is varied.
    """
    import numpy as np

    seeds = sorted(of_seed)
    scores = np.stack([of_seed[seed] for seed in seeds])
    result = scores.mean(axis=0)
    if len(seeds) > 1:
        result[1:] += (seed_weights(seeds, scores.shape[1] - 1) * scores[:, 1:]).sum(axis=0)
    return np.asarray(result, dtype=np.float64)


def interval_and_p(differences: NDArray[np.float64]) -> tuple[float, float, float]:
    """Percentile 95 % interval of the differences, and the two-sided p of there being none.

    p = 2 · min(1 + number ≤ 0, 1 + number ≥ 0) / (1 + replicates), at most 1: with the one added, as for Monte Carlo
    tests, p is never 0 (Davison and Hinkley 1997, "Bootstrap Methods and their Application", section 4.2). Where all
    differences are 0, p is 1.

    Args:
        differences: one for each replicate; at least one.

    Returns:
        Low, high, p.
    """
    import numpy as np

    # Equal means may differ in the last bit by the order of their sums.
    rounded = np.round(differences, 9)
    low, high = np.quantile(rounded, [0.025, 0.975])
    below, above = int((rounded <= 0).sum()), int((rounded >= 0).sum())
    return float(low), float(high), min(1.0, 2 * (1 + min(below, above)) / (1 + len(rounded)))


def _resample_labelled(
    records: Sequence[Record], name: str, sources: Sequence[Source], replicates: int, found: list[Scores]
) -> None:
    """Accuracy and calibration error on one set, whichever are asked for."""
    import numpy as np

    item = records[0].evaluation_sets[name]
    kinds = {source.kind: source for source in sources}
    for group in _groups(len(records), item.rows * BINS * len(TEMPERATURES)):
        predictions = [labelled_predictions(records[position], name) for position in group]
        correct = np.stack([of_record.correct for of_record in predictions]).astype(np.float64)
        calibrations = [ResampledCalibration(of_record) for of_record in predictions] if "calibration" in kinds else []
        accuracies, errors = [], []
        for (counts,) in _counts([_set_key(records[0], name)], [item.rows], replicates):
            accuracies.append(correct @ counts / item.rows)
            if calibrations:
                in_folds = counts[shuffled(item.rows)]
                errors.append(np.stack([of_record.errors(in_folds) for of_record in calibrations]))
        if "accuracy" in kinds:
            _keep(found, group, kinds["accuracy"], accuracies)
        if errors:
            error = np.concatenate(errors, axis=1)
            error[:, 1:] += error[:, :1] - error[:, 1:].mean(axis=1, keepdims=True)
            _keep(found, group, kinds["calibration"], [error])


def _resample_detection(
    records: Sequence[Record], against: str, sources: Sequence[Source], replicates: int, found: list[Scores]
) -> None:
    """Areas under the curve of the anomaly sets told from the same normal texts."""
    import numpy as np

    names = [against, *(source.name for source in sources)]
    keys = [_set_key(records[0], name) for name in names]
    sizes = [records[0].evaluation_sets[name].rows for name in names]
    for group in _groups(len(records), 2 * sum(sizes)):
        classifiers = [
            ResampledDetection(
                anomaly_scores(records[at], against),
                {source.name: anomaly_scores(records[at], source.name) for source in sources},
            )
            for at in group
        ]
        areas: dict[str, list[NDArray[np.float64]]] = {source.name: [] for source in sources}
        for counts in _counts(keys, sizes, replicates):
            normal, *anomalous = (of_set.astype(np.float32) for of_set in counts)
            drawn = dict(zip(areas, anomalous, strict=True))
            of_classifiers = [classifier.areas(normal, drawn) for classifier in classifiers]
            for name, chunks in areas.items():
                chunks.append(np.stack([of_sets[name] for of_sets in of_classifiers]))
        for source in sources:
            _keep(found, group, source, areas[source.name])


def _resample_attack(records: Sequence[Record], source: Source, replicates: int, found: list[Scores]) -> None:
    import numpy as np

    attack = attack_of(records[0], source)
    right = np.array([held_out(record, source) for record in records], dtype=np.float64)
    # Attacks on the same set with as many texts are given the same texts, whatever their recipe and seed.
    key = f"attacked {attack.examples} of {_set_key(records[0], attack.evaluation_set)}"
    chunks = [right @ counts / attack.examples for (counts,) in _counts([key], [attack.examples], replicates)]
    _keep(found, range(len(records)), source, chunks)


def _counts(keys: Sequence[str], sizes: Sequence[int], replicates: int) -> Iterator[list[NDArray[np.float64]]]:
    """Counts of several sets for the same replicates, some replicates at a time; the first has each text once."""
    import numpy as np

    draws = [TextDraws(key, size) for key, size in zip(keys, sizes, strict=True)]
    at_a_time = max(_FEWEST_AT_A_TIME, _COUNTS_AT_A_TIME // max(sizes))
    yield [np.ones((size, 1)) for size in sizes]
    for start in range(0, replicates, at_a_time):
        yield [of_set.next(min(at_a_time, replicates - start)) for of_set in draws]


def _groups(records: int, numbers: int) -> Iterator[range]:
    """Positions of records, as many at a time as may be in memory with so many numbers each."""
    at_a_time = max(1, _NUMBERS_HELD // numbers)
    for start in range(0, records, at_a_time):
        yield range(start, min(start + at_a_time, records))


def _keep(found: list[Scores], group: range, source: Source, chunks: Sequence[NDArray[np.float64]]) -> None:
    import numpy as np

    scores = 100.0 * np.concatenate(chunks, axis=1)
    for position, of_record in zip(group, scores, strict=True):
        found[position][source] = of_record


def _set_key(record: Record, name: str) -> str:
    item = record.evaluation_sets.get(name)
    return f"texts {name} {item.sha256 if item else ''}"
