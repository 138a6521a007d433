"""``roast-bench leaderboard`` on 1,000 and on 10,000 records, the whole command.

Run: ``python tests/perf/leaderboard_from_records.py [--rounds 5] [--large-rounds 1]``

The records are those of finished `sentiment` cells with all of the task's evaluation sets and two live attacks, as
large as real ones: 20 methods with five seeds each make a table, so that 1,000 records are ten tables and 10,000 are a
hundred. They are made from a published record by the record's own models, with scores drawn by a seeded generator; the
further 9,000 are the first 1,000 with other backbones. They come in two kinds: with the scores alone, as older records
are, and with the single predictions of every set and attack, 500 texts each (the suite `small`), so that every row is
compared with vanilla and with the best: once, and remembered from then on. Each round starts the command anew, with
an empty folder to write to. Where the time goes is measured within this process.
"""

from __future__ import annotations

import functools
import gc
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic_core import from_json
from side_by_side import Breakdown, Measurement, at_most, conclude, in_turns, parser_of, timed

from benchmark.declared_task import declare_task
from benchmark.run import serialised
from benchmark.scoring import PredictedSet, perspectives, score_sets
from leaderboard.aggregate import aggregate
from leaderboard.checksum import with_checksum
from leaderboard.compact_logits import compact
from leaderboard.packed_bits import pack_bits
from leaderboard.record import RECORD_FILE, Record, find_records, read_record
from leaderboard.rendered_files import DEFAULT_FORMATS, rendered_files
from leaderboard.significance.remembered import VARIABLE, remembered_comparisons
from leaderboard.table import Leaderboard
from leaderboard.terminal import render_terminal
from methods import methods
from tasks import Role

PUBLISHED = Path(__file__).parents[2] / "leaderboard" / "results" / "quickstart"
METHODS, SEEDS, TABLES, COPIES = 20, 5, 10, 10
SECONDS_ALLOWED = 3.0
RECIPES = ("deepwordbug", "pwws")
TEXTS = 500
METHOD_NUMBERS = {
    name: number
    for number, name in enumerate(["vanilla", *(name for name in sorted(methods) if name != "vanilla")][:METHODS])
}

T = TypeVar("T")


def template() -> dict[str, Any]:
    """A published record of vanilla fine-tuning without its single predictions, as JSON values."""
    published = (read_record(path) for path in find_records(PUBLISHED))
    content = next(record for record in published if record.cell.method == "vanilla").model_dump(mode="json")
    for used in content["evaluation_sets"].values():
        used["compact_logits"] = None
    for attack in content["attacks"]:
        attack["held_out"] = None
    return content


def sets_of_the_task(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The declared evaluation sets of `sentiment`, described as the template's are."""
    like = next(iter(content["evaluation_sets"].values()))
    return {
        declared.name: {
            **like,
            "role": declared.role.value,
            "rows_available": max(declared.rows or 0, like["rows"]),
            "logits": f"logits/{declared.name}.npz",
        }
        for declared in declare_task("sentiment").evaluation_sets
    }


def drawn(scores: dict[str, Any], covers: list[str], generator: random.Random) -> dict[str, Any]:
    """The metrics of one set, with other values."""
    return {
        metric: {**score, "value": score["value"] * generator.uniform(0.9, 1.05), "sets": covers}
        for metric, score in scores.items()
    }


@functools.cache
def predictions(names: tuple[tuple[str, str], ...], method: str, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sets with single predictions of `TEXTS` texts, and the scores that those have; equal for every backbone."""
    generator = np.random.default_rng([METHOD_NUMBERS[method], seed])
    sharp = generator.uniform(1.0, 2.0)
    sets, fields = {}, {}
    for name, role in names:
        truth = np.random.default_rng(len(name)).integers(0, 2, TEXTS)
        logits = generator.normal(0.0, 1.0, (TEXTS, 2))
        logits[np.arange(TEXTS), truth] += 0.0 if role == Role.ANOMALY else sharp
        labels = None if role == Role.ANOMALY else truth
        sets[name] = PredictedSet(Role(role), logits.astype(np.float32), labels)
        small = compact(logits, None if labels is None else labels.tolist())
        fields[name] = {"rows": TEXTS, "compact_logits": small and small.model_dump(mode="json")}
    scored = score_sets(sets, "sst2")
    return fields, {
        name: {metric: score.model_dump(mode="json") for metric, score in of_set.items()}
        for name, of_set in scored.items()
    }


def with_predictions(content: dict[str, Any]) -> dict[str, Any]:
    """The record's content with the single predictions of every set and attack, and the scores that those have."""
    cell = content["cell"]
    names = tuple((name, used["role"]) for name, used in content["evaluation_sets"].items())
    fields, scores = predictions(names, cell["method"], cell["seed"])
    generator = random.Random(f"{cell['method']} {cell['seed']}")
    attacks = []
    for attack in content["attacks"]:
        held = [generator.random() < 0.4 for _ in range(TEXTS)]
        attacks.append(
            {
                **attack,
                "examples": TEXTS,
                "held_out": pack_bits(held),
                "accuracy_under_attack": {**attack["accuracy_under_attack"], "value": 100.0 * sum(held) / TEXTS},
            }
        )
    return {
        **content,
        "evaluation_sets": {
            name: {**used, **fields[name], "rows_available": max(used["rows_available"], TEXTS)}
            for name, used in content["evaluation_sets"].items()
        },
        "set_scores": scores,
        "attacks": attacks,
    }


def record_of(base: dict[str, Any], backbone: str, method: str, seed: int, *, single: bool) -> Record:
    """The record of one cell, with single predictions or without."""
    generator = random.Random(f"{backbone} {method} {seed}")
    of_a_role = {
        base["evaluation_sets"][name]["role"] == Role.ANOMALY: scores for name, scores in base["set_scores"].items()
    }
    sets = sets_of_the_task(base)
    (attack,) = base["attacks"]
    resolved = {**base["configuration"]["resolved"], "task": "sentiment", "method": method, "seed": seed}
    resolved["backbone"] = {**resolved["backbone"], "name": backbone}
    resolved["attacks"] = [{**resolved["attacks"][0], "recipe": recipe} for recipe in RECIPES]
    content = {
        **base,
        "cell": {**base["cell"], "task": "sentiment", "backbone": backbone, "method": method, "seed": seed},
        "configuration": {**base["configuration"], "resolved": resolved},
        "evaluation_sets": sets,
        "in_distribution_test": "sst2",
        "set_scores": {
            name: drawn(of_a_role[anomalous], [name, "sst2"] if anomalous else [name], generator)
            for name, used in sets.items()
            for anomalous in [used["role"] == Role.ANOMALY]
        },
        "attacks": [{**attack, "recipe": recipe, "evaluation_set": "sst2"} for recipe in RECIPES],
    }
    record = Record.model_validate(with_predictions(content) if single else content)
    roles = {name: Role(used.role) for name, used in record.evaluation_sets.items()}
    return record.model_copy(update={"scores": perspectives(roles, record.set_scores, record.attacks)})


def write_records(folder: Path) -> None:
    """Each in a folder as a run leaves it.

    1,000 records below ``first``, 9,000 below ``others``, and the 1,000 with single predictions below ``single``.
    """
    base = template()
    for table in range(TABLES):
        for method in METHOD_NUMBERS:
            for seed in range(SEEDS):
                record = record_of(base, f"backbone-{table}", method, seed, single=False)
                content = serialised(record)
                for copy in range(COPIES):
                    changed = content.replace(b"backbone-", f"backbone-{copy}".encode())
                    write_record(
                        folder / (f"others/{copy}" if copy else "first"),
                        record,
                        with_checksum(from_json(changed)) if copy else content,
                    )
                record = record_of(base, f"backbone-{table}", method, seed, single=True)
                write_record(folder / "single", record, serialised(record))


def write_record(folder: Path, record: Record, content: bytes) -> None:
    """A record's file, where a run would put it."""
    cell = record.cell
    where = folder / cell.task / cell.backbone / cell.method / f"seed-{cell.seed}-{cell.config_hash}"
    where.mkdir(parents=True)
    (where / RECORD_FILE).write_bytes(content)


def run_benchmark(*words: str | Path) -> None:
    """The command as a user starts it; its output is dropped."""
    subprocess.run([sys.executable, "-m", "benchmark", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def make_leaderboard(records: Path, out: Path, *options: str) -> None:
    """The whole command, into an empty folder."""
    shutil.rmtree(out, ignore_errors=True)
    run_benchmark("leaderboard", records, "--out", out, *options)


def time_of_each(folder: Path, what: str) -> Breakdown:
    """Seconds of each step within this process, which has imported everything."""
    steps: list[tuple[str, float]] = []

    def step(name: str, work: Callable[[], T]) -> T:
        seconds, result = timed(work)
        steps.append((name, seconds))
        return result

    gc.disable()
    paths = step("finding the records", lambda: find_records(folder))
    records = step("reading and checking them", lambda: [read_record(path) for path in paths])
    leaderboard: Leaderboard = step(
        "rows, Δ, ranks and significance", lambda: aggregate(records, remembered_comparisons)
    )
    gc.enable()
    step(f"the files: {', '.join(DEFAULT_FORMATS)}", lambda: rendered_files(leaderboard, DEFAULT_FORMATS))
    step("the terminal's text", lambda: render_terminal(leaderboard))
    rows = tuple((name, f"{seconds:.2f}", f"{1e3 * seconds / len(paths):.2f}") for name, seconds in steps)
    title = f"Leaderboard from {len(paths):,} records {what}, {len(leaderboard.tables)} tables: where the time goes"
    return Breakdown(title, ("what", "s", "ms a record"), rows)


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of 1,000 records")
    parser.add_argument("--large-rounds", type=int, default=1, help="of 10,000 records, and of all pictures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder, out = Path(work) / "runs", Path(work) / "out"
        os.environ[VARIABLE] = str(Path(work) / "cache")
        write_records(folder)
        few = TABLES * METHODS * SEEDS
        many = COPIES * few
        # Comparisons are made once and remembered from then on.
        seconds = in_turns({"compared": lambda: make_leaderboard(folder / "single", out)}, 1, warm_up=False)
        # One after the other: the many would push the files of the few out of the caches.
        seconds |= in_turns(
            {
                "scores": lambda: make_leaderboard(folder / "first", out),
                "single": lambda: make_leaderboard(folder / "single", out),
            },
            options.rounds,
        )
        for name, make in {
            "pictures": lambda: make_leaderboard(folder / "single", out, "--format", "all"),
            "many": lambda: run_benchmark("leaderboard", folder / "first", folder / "others", "--out", out),
        }.items():
            seconds |= in_turns({name: make}, options.large_rounds, warm_up=False)
        median = {name: statistics.median(found) for name, found in seconds.items()}
        whole = "the whole command"
        found = [
            at_most(
                f"leaderboard from {few:,} records {what}, {whole}", median[name], SECONDS_ALLOWED, shown, unit=" s"
            )
            for name, what in (
                ("scores", "without single predictions"),
                ("single", "with single predictions, compared before"),
            )
            for shown in [f"{median[name]:.2f} s"]
        ]
        found += [
            Measurement(
                f"leaderboard from {few:,} records with single predictions, compared for the first time, {whole}",
                f"{median['compared']:.1f} s",
            ),
            Measurement(
                f"leaderboard from {few:,} records with single predictions, every format and picture, {whole}",
                f"{median['pictures']:.1f} s (rounds: {options.large_rounds})",
            ),
            Measurement(
                f"leaderboard from {many:,} records without single predictions, {whole}",
                f"{median['many']:.1f} s (rounds: {options.large_rounds})",
            ),
            Measurement(
                f"leaderboard: growth per record, up to {few:,} and from there to {many:,}",
                f"{1e3 * median['scores'] / few:.2f} ms, start-up included, and "
                f"{1e3 * (median['many'] - median['scores']) / (many - few):.2f} ms",
            ),
        ]
        breakdowns = [
            time_of_each(folder / "first", "without single predictions"),
            time_of_each(folder / "single", "with single predictions"),
        ]
    return conclude(options, found, breakdowns)


if __name__ == "__main__":
    sys.exit(main())
