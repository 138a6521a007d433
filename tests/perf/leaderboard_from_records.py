"""``roast-bench leaderboard`` on 1,000 and on 10,000 records, the whole command with its pictures.

Run: ``python tests/perf/leaderboard_from_records.py [--rounds 5] [--large-rounds 1]``

The records are those of finished `sentiment` cells with all of the task's evaluation sets and two live attacks, as
large as real ones: 20 methods with five seeds each make a table and its picture, so that 1,000 records are ten tables
and 10,000 are a hundred. They are made from a published record by the record's own models, with scores drawn by a
seeded generator; the further 9,000 are the first 1,000 with other backbones. Each round starts the command anew, with
an empty folder to write to. Where the time goes is measured within this process.
"""

from __future__ import annotations

import gc
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic_core import from_json
from side_by_side import Breakdown, Measurement, at_most, conclude, in_turns, parser_of, timed

from benchmark.declared_task import declare_task
from benchmark.run import serialised
from benchmark.scoring import perspectives
from leaderboard.aggregate import aggregate
from leaderboard.checksum import with_checksum
from leaderboard.csv_table import render_csv
from leaderboard.markdown import render_markdown
from leaderboard.picture import render_picture
from leaderboard.record import RECORD_FILE, Record, find_records, read_record
from leaderboard.terminal import render_terminal
from methods import methods
from tasks import Role

PUBLISHED = Path(__file__).parents[2] / "leaderboard" / "results"
METHODS, SEEDS, TABLES, COPIES = 20, 5, 10, 10
SECONDS_ALLOWED = 3.0
RECIPES = ("deepwordbug", "pwws")

T = TypeVar("T")


def template() -> dict[str, Any]:
    """A published record of vanilla fine-tuning, as JSON values."""
    published = (read_record(path) for path in find_records(PUBLISHED))
    return next(record for record in published if record.cell.method == "vanilla").model_dump(mode="json")


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


def record_of(base: dict[str, Any], backbone: str, method: str, seed: int) -> Record:
    """The record of one cell."""
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
    record = Record.model_validate(content)
    roles = {name: Role(used.role) for name, used in record.evaluation_sets.items()}
    return record.model_copy(update={"scores": perspectives(roles, record.set_scores, record.attacks)})


def write_records(folder: Path) -> None:
    """1,000 records below ``first``, 9,000 below ``others``, each in a folder as a run leaves it."""
    base = template()
    names = ["vanilla", *[name for name in sorted(methods) if name != "vanilla"]][:METHODS]
    for table in range(TABLES):
        for method in names:
            for seed in range(SEEDS):
                record = record_of(base, f"backbone-{table}", method, seed)
                content = serialised(record)
                for copy in range(COPIES):
                    where = f"others/{copy}" if copy else "first"
                    cell = folder / where / f"sentiment/backbone-{table}/{method}/seed-{seed}-{record.cell.config_hash}"
                    cell.mkdir(parents=True)
                    changed = content.replace(b"backbone-", f"backbone-{copy}".encode())
                    (cell / RECORD_FILE).write_bytes(with_checksum(from_json(changed)) if copy else content)


def run_benchmark(*words: str | Path) -> None:
    """The command as a user starts it; its output is dropped."""
    subprocess.run([sys.executable, "-m", "benchmark", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def make_leaderboard(records: Path, out: Path) -> None:
    """The whole command, into an empty folder: every picture is drawn."""
    shutil.rmtree(out, ignore_errors=True)
    run_benchmark("leaderboard", records, "--out", out)


def time_of_each(folder: Path) -> Breakdown:
    """Seconds of each step within this process, which has imported everything."""
    steps: list[tuple[str, float]] = []

    def step(name: str, work: Callable[[], T]) -> T:
        seconds, result = timed(work)
        steps.append((name, seconds))
        return result

    gc.disable()
    paths = step("finding the records", lambda: find_records(folder))
    records = step("reading and checking them", lambda: [read_record(path) for path in paths])
    leaderboard = step("rows, Δ and ranks", lambda: aggregate(records))
    gc.enable()
    tables = leaderboard.tables
    step("Markdown and CSV", lambda: (render_markdown(leaderboard), render_csv(leaderboard)))
    step("the first picture", lambda: render_picture(tables[0]))
    step(f"the other {len(tables) - 1} pictures", lambda: [render_picture(table) for table in tables[1:]])
    step("the terminal's text", lambda: render_terminal(leaderboard))
    rows = tuple((name, f"{seconds:.2f}", f"{1e3 * seconds / len(paths):.2f}") for name, seconds in steps)
    title = f"Leaderboard from {len(paths):,} records with {len(tables)} tables: where the time goes"
    return Breakdown(title, ("what", "s", "ms a record"), rows)


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of 1,000 records")
    parser.add_argument("--large-rounds", type=int, default=1, help="of 10,000 records")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder, out = Path(work) / "runs", Path(work) / "out"
        write_records(folder)
        few = TABLES * METHODS * SEEDS
        many = COPIES * few
        # One after the other: the many would push the files of the few out of the caches.
        seconds = in_turns({"few": lambda: make_leaderboard(folder / "first", out)}, options.rounds)
        seconds |= in_turns({"many": lambda: make_leaderboard(folder, out)}, options.large_rounds, warm_up=False)
        of_few, of_many = (statistics.median(seconds[name]) for name in ("few", "many"))
        found = [
            at_most(
                f"leaderboard from {few:,} records with {TABLES} pictures, the whole command",
                of_few,
                SECONDS_ALLOWED,
                f"{of_few:.2f} s",
                unit=" s",
            ),
            Measurement(
                f"leaderboard from {many:,} records with {COPIES * TABLES} pictures, the whole command",
                f"{of_many:.1f} s (rounds: {options.large_rounds})",
            ),
            Measurement(
                f"leaderboard: growth per record, pictures included, up to {few:,} and from there to {many:,}",
                f"{1e3 * of_few / few:.2f} ms, start-up included, and {1e3 * (of_many - of_few) / (many - few):.2f} ms",
            ),
        ]
        breakdown = time_of_each(folder / "first")
    return conclude(options, found, [breakdown])


if __name__ == "__main__":
    sys.exit(main())
