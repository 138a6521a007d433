"""The quickstart on a cut-down budget: real texts, the real backbone, a live attack."""

import json
import os
import subprocess
import sys

import pyarrow.parquet

from leaderboard.record import find_records, read_record

CUT_DOWN = [
    "--train-size",
    "48",
    "--epochs",
    "1",
    "--eval-size",
    "24",
    "--max-length",
    "32",
    "--attack",
    "deepwordbug:3",
]


def test_quickstart_trains_scores_attacks_and_ranks(tmp_path):
    command = [
        sys.executable,
        "-m",
        "benchmark",
        "run",
        "quickstart",
        *CUT_DOWN,
        "--out",
        str(tmp_path / "out"),
        "--json",
    ]
    # No home to read from or write to, and no hub: everything comes from installed packages.
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(json.loads(done.stdout)["finished"]) == 2

    found = {record.cell.method: record for record in map(read_record, find_records(tmp_path / "out"))}
    assert set(found) == {"vanilla", "roast"}
    for record in found.values():
        assert {name: part.rows for name, part in record.evaluation_sets.items()} == {
            "rotten-tomatoes": 24,
            "imdb": 24,
            "technical-prose": 24,
        }
        assert record.evaluation_sets["imdb"].truncated > 0
        assert all(score.value is not None for score in record.scores.values())
        (attack,) = record.attacks
        assert attack.succeeded + attack.failed + attack.skipped == attack.examples == 3
        assert record.configuration.resolved["backbone"]["identity"].startswith("sha256:53aa51172d142c89")
        assert record.peak_memory_bytes > 0
    kept = found["roast"].training.method["kept_fraction"]
    assert len(kept) == 2
    assert all(0 < share < 1 for share in kept)

    (folder,) = [path.parent for path in find_records(tmp_path / "out") if "vanilla" in path.parts]
    assert pyarrow.parquet.read_table(folder / "attacks" / "deepwordbug.parquet").num_rows == 3
    markdown = (tmp_path / "out" / "LEADERBOARD.md").read_text(encoding="utf-8")
    assert "deepwordbug (3 texts" in markdown
    assert "24 of 25,000" in markdown
    assert str(tmp_path) not in markdown
