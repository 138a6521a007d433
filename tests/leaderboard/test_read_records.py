"""Every file that cannot be used is named, once, and nothing is silently left out."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic_core import from_json

from leaderboard.checksum import with_checksum
from leaderboard.read_records import MOST_PROBLEMS, UnusableRecordsError, read_records
from leaderboard.record import AttackResult, DamagedRecordError, Record, RecordError, Score, read_record

RecordFactory = Callable[..., Record]
RecordWriter = Callable[[Record, Path], Path]

FOREIGN = {
    "a-list": "[1, 2, 3]",
    "a-number": "17",
    "a-text": '"hello"',
    "another-tool": '{"name": "trainer_state", "epoch": 3.0}',
    "empty": "",
    "null": "null",
    "truncated": '{"schema_version": 1, "status": "finis',
}


def write(folder: Path, content: str) -> Path:
    folder.mkdir(parents=True)
    path = folder / "record.json"
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_file_is_named_in_one_line(content: str, tmp_path: Path) -> None:
    path = write(tmp_path / "cell", content)
    with pytest.raises(RecordError) as error:
        read_records([tmp_path])
    assert str(error.value).startswith(f"{path}: is ")
    assert "\n" not in str(error.value)
    assert not isinstance(error.value, UnusableRecordsError)


def test_all_are_named_up_to_twenty(record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path) -> None:
    write_record(record_factory(), tmp_path / "good")
    newer = write_record(record_factory(), tmp_path / "a-newer")
    newer.write_text(newer.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    paths = [newer, *(write(tmp_path / f"bad-{number:02}", "[]") for number in range(MOST_PROBLEMS + 3))]
    with pytest.raises(UnusableRecordsError) as error:
        read_records([tmp_path])
    lines = error.value.lines
    assert len(error.value.problems) == len(paths)
    assert len(lines) == MOST_PROBLEMS + 2
    assert "schema_version is 2" in lines[0]
    for path, line in zip(paths, lines[:MOST_PROBLEMS], strict=False):
        assert line.startswith(f"{path}: ")
    assert lines[-2:] == ["and 4 more.", "24 of 25 record files cannot be used: nothing was written."]
    assert str(error.value).startswith(f"{newer}: schema_version is 2")
    assert str(error.value).endswith("; 23 more files cannot be used.")


def test_skipped_files_are_told(record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path) -> None:
    write_record(record_factory(), tmp_path / "good")
    path = write(tmp_path / "bad", "{")
    read = read_records([tmp_path], skip_bad=True)
    assert len(read.records) == 1
    (problem,) = read.problems
    assert problem.startswith(f"{path}: is not JSON")
    assert read.left_out == ("bad/record.json",)


def test_nothing_but_bad_files_is_refused_all_the_same(tmp_path: Path) -> None:
    write(tmp_path / "bad", "{")
    with pytest.raises(RecordError, match="is not JSON"):
        read_records([tmp_path], skip_bad=True)


def test_a_link_that_leads_to_itself_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.symlink_to("record.json")
    with pytest.raises(RecordError, match=r"record\.json: cannot be read \(Too many levels of symbolic links\)"):
        read_records([tmp_path])
    with pytest.raises(RecordError, match=r"record\.json: is not a folder"):
        read_records([path])


def test_a_folder_that_cannot_be_read_is_told(
    record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record(record_factory(), tmp_path / "open")
    write_record(record_factory("roast"), tmp_path / "closed")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(RecordError, match=r"closed: cannot be read \(Permission denied\)"):
        read_records([tmp_path])
    with pytest.raises(RecordError, match=r"closed: cannot be read \(Permission denied\)"):
        read_records([tmp_path / "closed"])
    read = read_records([tmp_path], skip_bad=True)
    assert [record.cell.method for record in read.records] == ["vanilla"]
    assert read.left_out == ("closed/",)


@pytest.mark.parametrize("value", [250.0, -5.0, 1e308])
def test_a_score_that_no_model_has_is_refused(
    value: float, record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path
) -> None:
    for seed in (0, 1):
        write_record(record_factory("roast", seed, {"acc_in": value}), tmp_path / str(seed))
    write_record(record_factory(), tmp_path / "good")
    with pytest.raises(UnusableRecordsError) as error:
        read_records([tmp_path])
    assert f"scores.acc_in is {value}, outside 0 to 100 percent" in str(error.value)
    assert len(read_records([tmp_path], skip_bad=True).records) == 1


def test_impossible_scores_of_sets_and_attacks_are_refused(
    record_factory: RecordFactory,
    attack_factory: Callable[..., AttackResult],
    write_record: RecordWriter,
    tmp_path: Path,
) -> None:
    good = Score(value=100.0 + 1e-12, sets=("sst2",))
    for wrong in (
        {"set_scores": {"sst2": {"accuracy": good, "nll": Score(value=-1.0, unit="nats", sets=("sst2",))}}},
        {"attacks": (attack_factory(similarity=Score(value=1.5, unit="cosine", sets=("sst2",))),)},
    ):
        write_record(record_factory(**wrong), tmp_path)
        with pytest.raises(RecordError, match=r"(nll is -1\.0, outside 0|similarity is 1\.5, outside -1 to 1 cosine)"):
            read_records([tmp_path])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("training", "steps"), 10**400),
        (("training_data", "sst2", "rows"), 10**400),
        (("training_data", "sst2", "rows_available"), 2**60),
        (("seconds", "fine-tuning"), 1.7e308),
        (("seconds", "fine-tuning"), -1.0),
        (("training", "seconds"), 1.7e308),
        (("training", "seconds"), "12"),
        (("training", "steps"), True),
        (("scores", "acc_in", "value"), "80"),
    ],
)
def test_numbers_that_nothing_can_be_computed_with_are_damage(
    record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path, place: tuple[str, ...], value: object
) -> None:
    path = write_record(record_factory(), tmp_path)
    content = from_json(path.read_bytes())
    *outer, last = place
    functools.reduce(lambda part, key: part[key], outer, content)[last] = value
    path.write_bytes(with_checksum(content))
    with pytest.raises(DamagedRecordError, match=last):
        read_record(path)
