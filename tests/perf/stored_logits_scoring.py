"""``roast-bench rescore``: scores from stored logits, per million rows and per small record.

Run: ``python tests/perf/stored_logits_scoring.py [--records 20] [--rounds 5]``

The records are of finished `sentiment` cells with all of the task's evaluation sets: two of them with as many rows as
the sets declare, a million in all, and many with 300 rows a set. Logits are drawn by a seeded generator and stored as
a run stores them. Each round reads every record and its logits, checks their hashes, computes every metric of every
set and compares with the record; nothing may differ. Times are of one thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from leaderboard_from_records import record_of, template
from side_by_side import Breakdown, Measurement, conclude, in_turns, parser_of

from benchmark.declared_task import declare_task
from benchmark.metrics import (
    accuracy,
    anomaly_scores,
    brier_score,
    calibration_error_adaptive,
    calibration_error_cross_fitted,
    calibration_error_raw,
    detection,
    negative_log_likelihood,
)
from benchmark.rescoring import compute_scores, rescore_records
from benchmark.run import serialised
from benchmark.stored_logits import read_logits, store_logits
from leaderboard.record import RECORD_FILE, Record, find_records, read_record
from tasks import EvaluationSet

SMALL_SET = 300
UNDECLARED = 1_500
"""Rows of a set whose declaration does not say how many it has."""


def write_record(folder: Path, seed: int, rows_of: Callable[[EvaluationSet], int]) -> None:
    """A record with stored logits, scored."""
    content = record_of(template(), "minilm", "vanilla", seed).model_dump(mode="json")
    generator = np.random.RandomState(seed)
    for declared in declare_task("sentiment").evaluation_sets:
        rows = rows_of(declared)
        labels = generator.randint(0, 2, rows)
        logits = generator.normal(size=(rows, 2))
        if declared.role.labelled:
            logits[np.arange(rows), labels] += 1.5
        used = content["evaluation_sets"][declared.name]
        kept = tuple(labels.tolist()) if declared.role.labelled else None
        used["logits_sha256"] = store_logits(folder / used["logits"], logits.astype(np.float32), kept)
        used["rows"] = used["rows_available"] = rows
    record = Record.model_validate(content)
    set_scores, scores = compute_scores(record, folder)
    scored = record.model_copy(update={"set_scores": set_scores, "scores": scores})
    (folder / RECORD_FILE).write_bytes(serialised(scored))


def rescore(paths: list[Path]) -> int:
    """Score all again; rows scored. Nothing may change."""
    outcome = rescore_records(paths, dry_run=False, on_record=lambda: None)
    if outcome.changed or outcome.refused:
        raise SystemExit(f"scores differ: {outcome.changed or outcome.refused}")
    return outcome.rows


def time_of_each(path: Path) -> Breakdown:
    """Seconds of each metric on the largest labelled set of a record, and of reading."""
    record = read_record(path)
    sizes = {name: used.rows for name, used in record.evaluation_sets.items() if used.role == "shift"}
    largest = max(sizes, key=sizes.__getitem__)
    used = record.evaluation_sets[largest]
    file = path.parent / f"logits/{largest}.npz"
    logits, labels = read_logits(file)
    assert labels is not None
    half = len(logits) // 2
    scores = anomaly_scores(logits)
    works: dict[str, Callable[[], object]] = {
        "reading, with sha256": lambda: read_logits(file, used.logits_sha256),
        "accuracy": lambda: accuracy(logits, labels),
        "ece, cross-fitted": lambda: calibration_error_cross_fitted(logits, labels),
        "ece_raw": lambda: calibration_error_raw(logits, labels),
        "ece_adaptive": lambda: calibration_error_adaptive(logits, labels),
        "nll": lambda: negative_log_likelihood(logits, labels),
        "brier": lambda: brier_score(logits, labels),
        "auroc, aupr and fpr95 of one score": lambda: detection(scores[:half], scores[half:]),
    }
    seconds = in_turns(works, 3)
    millions = sizes[largest] / 1e6
    rows = tuple((name, f"{statistics.median(found) / millions:.2f}") for name, found in seconds.items())
    return Breakdown(f"Scoring of stored logits: seconds per million rows ({largest})", ("what", "s"), rows)


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--records", type=int, default=20, help="small records")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        for seed in range(2):
            write_record(folder / "large" / str(seed), seed, lambda declared: declared.rows or UNDECLARED)
        for seed in range(options.records):
            write_record(folder / "small" / str(seed), seed, lambda declared: SMALL_SET)
        large, small = (find_records(folder / name) for name in ("large", "small"))
        rows = rescore(large)
        seconds = in_turns({"large": lambda: rescore(large), "small": lambda: rescore(small)}, options.rounds)
        millions, each = (statistics.median(seconds[name]) for name in ("large", "small"))
        found = [
            Measurement(
                "scoring of stored logits, sets as large as they are",
                f"{millions / rows * 1e6:.2f} s per million rows ({rows / millions / 1e3:,.0f} thousand rows/s)",
            ),
            Measurement(
                f"scoring of stored logits, {options.records} records of 17 sets of {SMALL_SET} rows",
                f"{each / options.records * 1e3:.0f} ms a record",
            ),
        ]
        return conclude(options, found, [time_of_each(large[0])])


if __name__ == "__main__":
    sys.exit(main())
