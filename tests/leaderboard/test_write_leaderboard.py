from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import matplotlib
import pytest

from leaderboard.record import AttackResult, Record, RecordError
from leaderboard.write import write_leaderboard

RecordFactory = Callable[..., Record]
AttackFactory = Callable[..., AttackResult]
RecordWriter = Callable[[Record, Path], Path]


@pytest.fixture
def records(record_factory: RecordFactory, attack_factory: AttackFactory) -> list[Record]:
    generator = random.Random(0)
    return [
        record_factory(
            name,
            seed,
            {"acc_in": 90 + generator.random(), "ece": 9 + generator.random()},
            resolved={"training": {"epochs": epochs}},
            attacks=(attack_factory(),),
        )
        for name in ("vanilla", "roast")
        for seed in (1, 2)
        for epochs in (3, 10)
    ] + [record_factory("sam", failure="out of memory")]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_same_records_same_bytes_in_any_order(
    records: list[Record], write_record: RecordWriter, tmp_path: Path
) -> None:
    for position, record in enumerate(records):
        write_record(record, tmp_path / "one" / f"cell-{position}")
    for position, record in enumerate(reversed(records)):
        write_record(record, tmp_path / ("two" if position % 2 else "three") / f"cell-{position}")
    write_leaderboard([tmp_path / "one"], tmp_path / "out-1")
    write_leaderboard([tmp_path / "two", tmp_path / "three"], tmp_path / "out-2")
    first, second = contents(tmp_path / "out-1"), contents(tmp_path / "out-2")
    assert len([name for name in first if name.endswith(".svg")]) == 2
    assert first == second
    write_leaderboard([tmp_path / "three", tmp_path / "two", tmp_path / "two"], tmp_path / "out-1")
    assert contents(tmp_path / "out-1") == first


def test_a_record_that_links_lead_to_counts_once(
    records: list[Record], write_record: RecordWriter, tmp_path: Path
) -> None:
    for position, record in enumerate(records):
        write_record(record, tmp_path / "one" / str(position))
    write_leaderboard([tmp_path / "one"], tmp_path / "out-1")
    (tmp_path / "linked").symlink_to(tmp_path / "one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "record.json").symlink_to(tmp_path / "one" / "0" / "record.json")
    write_leaderboard([tmp_path / "two", tmp_path / "linked", tmp_path / "one"], tmp_path / "out-2")
    assert contents(tmp_path / "out-1") == contents(tmp_path / "out-2")


def test_no_time_and_no_folder_in_the_files(records: list[Record], write_record: RecordWriter, tmp_path: Path) -> None:
    for position, record in enumerate(records):
        write_record(record, tmp_path / "records" / str(position))
    written = write_leaderboard([tmp_path / "records"], tmp_path / "out")
    for path in (written.markdown, written.csv, *written.pictures):
        content = path.read_text(encoding="utf-8")
        assert str(tmp_path) not in content
        assert "2026-01-01" not in content
        assert "<dc:date>" not in content


def test_one_table_has_the_plain_picture_name(
    record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path
) -> None:
    write_record(record_factory(), tmp_path)
    written = write_leaderboard([tmp_path], tmp_path / "out")
    assert sorted(contents(tmp_path / "out")) == ["LEADERBOARD.md", "leaderboard.csv", "leaderboard.svg"]
    assert "](leaderboard.svg)" in written.markdown.read_text(encoding="utf-8")
    assert len(written.leaderboard.tables) == 1


def test_names_never_become_paths(record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path) -> None:
    for name in ("../../evil", "Ünï/code", ""):
        write_record(record_factory(task=name, backbone=f"a/{name}"), tmp_path / "in" / str(len(name)))
    written = write_leaderboard([tmp_path / "in"], tmp_path / "out")
    assert {path.parent for path in written.pictures} == {tmp_path / "out"}
    assert len({path.name for path in written.pictures}) == 3
    markdown = written.markdown.read_text(encoding="utf-8")
    for path in written.pictures:
        assert path.is_file()
        assert f"]({path.name})" in markdown


def test_only_failed_cells_still_make_a_leaderboard(
    record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path
) -> None:
    write_record(record_factory(failure="out of memory"), tmp_path)
    written = write_leaderboard([tmp_path], tmp_path / "out")
    markdown = written.markdown.read_text(encoding="utf-8")
    assert "No cell has finished." in markdown
    assert "out of memory" in markdown
    assert written.pictures == ()


def test_a_folder_without_records_is_named(
    record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path
) -> None:
    write_record(record_factory(), tmp_path / "full")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordError, match=r"empty: no record\.json below it; run `roast-bench run SUITE` first"):
        write_leaderboard([tmp_path / "full", tmp_path / "empty"], tmp_path / "out")
    with pytest.raises(RecordError, match="nowhere: is not a folder"):
        write_leaderboard([tmp_path / "nowhere"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace('"schema_version": 1', '"schema_version": 99'), "schema_version is 99"),
        (lambda text: text.replace('"schema_version": 1,', ""), "is no record, for it has no schema_version"),
        (lambda text: text[:200], "is not JSON"),
        (lambda text: "[" * 100_000, "is not JSON"),
        (lambda text: text.replace('"value": 90.0', '"value": NaN'), "finite number"),
        (lambda text: text.replace('"reason": null', '"reasons": null', 1), "Extra inputs are not permitted"),
    ],
    ids=["newer schema", "no schema", "truncated", "nested too deep", "not a number", "unknown field"],
)
def test_a_record_that_cannot_be_used_is_refused_in_one_line(
    record_factory: RecordFactory,
    write_record: RecordWriter,
    tmp_path: Path,
    damage: Callable[[str], str],
    message: str,
) -> None:
    path = write_record(record_factory(), tmp_path)
    whole = path.read_text(encoding="utf-8")
    assert damage(whole) != whole
    path.write_text(damage(whole), encoding="utf-8")
    with pytest.raises(RecordError, match=message) as error:
        write_leaderboard([tmp_path], tmp_path / "out")
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_users_matplotlib_settings_do_not_reach_the_picture(
    record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path
) -> None:
    write_record(record_factory(), tmp_path / "in")
    write_leaderboard([tmp_path / "in"], tmp_path / "one")
    with matplotlib.rc_context({"font.size": 20, "svg.fonttype": "none", "axes.facecolor": "red"}):
        write_leaderboard([tmp_path / "in"], tmp_path / "two")
        assert matplotlib.rcParams["font.size"] == 20
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_failed_write_leaves_the_old_file(
    record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record(record_factory(), tmp_path / "in")
    out = tmp_path / "out"
    write_leaderboard([tmp_path / "in"], out)
    before = contents(out)
    write_record(record_factory("roast"), tmp_path / "in" / "more")

    def full(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_leaderboard([tmp_path / "in"], out)
    assert contents(out) == before
