"""Comparisons are made once for the same records, and never taken for those of others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaderboard.aggregate import aggregate
from leaderboard.record import Record
from leaderboard.significance import remembered
from leaderboard.significance.remembered import MOST_KEPT, remembered_comparisons


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROAST_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "comparisons"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A number for each time that comparisons are computed."""
    calls: list[int] = []
    original = remembered.with_comparisons

    def counted(*given: Any) -> Any:
        calls.append(1)
        return original(*given, replicates=99)

    monkeypatch.setattr(remembered, "with_comparisons", counted)
    return calls


@pytest.fixture
def records(predicted: Any, predicted_record_factory: Callable[..., Record]) -> list[Record]:
    found = []
    for method, gain in (("vanilla", 0.0), ("roast", 0.8)):
        generator = np.random.default_rng(3)
        sets = {}
        for name, role in (("sst2", "in-distribution"), ("imdb", "shift"), ("adv", "adversarial"), ("qqp", "anomaly")):
            truth = generator.integers(0, 2, 60)
            margin = generator.normal(size=60) + gain
            logits = np.stack([-margin, margin], axis=1) * (2 * truth - 1)[:, None]
            sets[name] = predicted(role, logits, None if role == "anomaly" else truth)
        found.append(predicted_record_factory(method, 1, sets))
    return found


def test_the_second_time_they_are_read(folder: Path, made: list[int], records: list[Record]) -> None:
    first = aggregate(records, remembered_comparisons)
    assert any(row.against_baseline for row in first.tables[0].rows)
    assert aggregate(records[::-1], remembered_comparisons) == first
    assert len(made) == 1
    assert len(list(folder.glob("*.json"))) == 1


def test_how_many_are_resampled_is_said_once(folder: Path, made: list[int], records: list[Record]) -> None:
    said: list[int] = []
    compare = partial(remembered_comparisons, resampling=said.append)
    assert aggregate(records, compare) == aggregate(records, compare)
    assert said == [2]


@pytest.mark.parametrize("content", [b"", b"[[], []]", b'{"a": 1}', b'[[["vanilla", {}, {}]], []]', b"\xff"])
def test_a_damaged_file_is_made_again(folder: Path, made: list[int], records: list[Record], content: bytes) -> None:
    first = aggregate(records, remembered_comparisons)
    (kept,) = folder.glob("*.json")
    whole = kept.read_bytes()
    kept.write_bytes(content)
    assert aggregate(records, remembered_comparisons) == first
    assert len(made) == 2
    assert kept.read_bytes() == whole


@pytest.mark.usefixtures("folder")
def test_other_records_or_other_code_are_compared_anew(
    made: list[int], records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    aggregate(records, remembered_comparisons)
    changed = records[1].model_copy(update={"started": "2027-01-01T00:00:00Z", "checksum": None})
    aggregate([records[0], changed], remembered_comparisons)
    assert len(made) == 2
    monkeypatch.setattr(remembered, "_code", lambda: "another")
    aggregate(records, remembered_comparisons)
    assert len(made) == 3


def test_a_folder_that_cannot_be_written_costs_time_alone(folder: Path, made: list[int], records: list[Record]) -> None:
    folder.parent.write_text("a file in the way", encoding="utf-8")
    assert aggregate(records, remembered_comparisons) == aggregate(records, remembered_comparisons)
    assert len(made) == 2


@pytest.mark.usefixtures("made")
def test_what_was_used_longest_ago_is_forgotten(folder: Path, records: list[Record]) -> None:
    import os

    folder.mkdir(parents=True)
    for number in range(MOST_KEPT):
        path = folder / f"{number}.json"
        path.write_text("{}", encoding="utf-8")
        os.utime(path, (number, number))
    aggregate(records, remembered_comparisons)
    left = {path.stem for path in folder.glob("*.json")}
    assert len(left) == MOST_KEPT
    assert "0" not in left
    assert "1" in left


def test_a_user_without_a_home_only_waits(
    made: list[int], records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("ROAST_BENCH_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    told: list[int] = []
    found = aggregate(records, partial(remembered_comparisons, resampling=told.append))
    assert any(row.against_baseline for row in found.tables[0].rows)
    assert (told, len(made)) == ([2], 1)
