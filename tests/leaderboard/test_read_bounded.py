"""Reading files of others: bounded, regular, never waited for; and what is made of them is text."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from leaderboard import csv_table
from leaderboard.one_line import one_line
from leaderboard.read_bounded import read_bounded
from leaderboard.record import RecordError, find_records, read_record
from leaderboard.write import write_leaderboard


def test_the_bytes_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bounded(tmp_path / "a", 5) == b"12345"
    with pytest.raises(OSError, match="longer than 4 bytes"):
        read_bounded(tmp_path / "a", 4)


def a_giant(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "no regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "no regular file"),
        (a_giant, "longer than"),
        (Path.mkdir, "directory"),
        (lambda path: path.symlink_to(path), "links"),
        (lambda path: path.write_bytes(b"[" * 100_000), "not JSON"),
        (lambda path: path.write_bytes(b'{"schema_version": ' + b'{"a":' * 5_000), "not JSON"),
        (lambda path: path.write_bytes(b'{"schema_version": ' + b"9" * 5_000 + b"}"), "not JSON"),
        (lambda path: path.write_bytes(b'\xef\xbb\xbf{"schema_version": 1}'), "not JSON"),
        (lambda path: path.write_bytes(b'{"schema_version": 1, "status": "\\ud800"}'), "not JSON"),
        (lambda path: path.write_bytes(b'{"schema_version": "' + b"x" * 10_000 + b'"}'), "schema_version is"),
        (lambda path: path.write_bytes(b'{"schema_version": 1, "' + b"x\\n" * 9_999 + b'": 1}'), "record.json"),
        (lambda path: path.write_bytes(b""), "not JSON"),
        (lambda path: path.write_bytes(b"\x00\xff"), "not JSON"),
    ],
)
def test_a_record_that_is_none_is_refused_in_one_short_line(make, said: str, tmp_path: Path) -> None:
    make(tmp_path / "record.json")
    with pytest.raises(RecordError, match=said) as caught:
        read_record(tmp_path / "record.json")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_folders_nested_a_thousand_deep_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    depth = 1_200
    for _ in range(depth):
        Path("a").mkdir()
        os.chdir("a")
    Path("record.json").write_bytes(b"")
    try:
        assert len(find_records(tmp_path)) == 1
    finally:  # not left to pytest, which removes folders by recursion
        Path("record.json").unlink()
        for _ in range(depth):
            os.chdir("..")
            Path("a").rmdir()


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in" / "cell").mkdir(parents=True)
    (tmp_path / "in" / "cell" / "record.json").write_bytes(b"")
    (tmp_path / "in" / "again").symlink_to(tmp_path / "in")
    assert find_records(tmp_path / "in") == [tmp_path / "in" / "cell" / "record.json"]


def test_no_character_of_a_name_breaks_the_picture(record_factory, tmp_path: Path) -> None:
    record = record_factory(method="x\uffff\ufffe\ufdd0-->]]>&<script>")
    (tmp_path / "record.json").write_text(record.model_dump_json(), encoding="utf-8")
    written = write_leaderboard([tmp_path], tmp_path / "out", ("svg",))
    assert written.pictures
    for picture in written.pictures:
        ElementTree.parse(picture)
    assert one_line("a\uffff\U0010fffe\ufdefb") == "a\ufffd\ufffd\ufffdb"


def test_each_of_a_list_in_a_cell_is_no_formula(record_factory, tmp_path: Path) -> None:
    """A spreadsheet that separates by semicolons splits the list into cells."""
    record = record_factory()
    covers = ("=1+1", "@b", "mine")
    score = record.scores["acc_shift"].model_copy(update={"sets": covers})
    changed = record.model_copy(update={"scores": {**record.scores, "acc_shift": score}})
    (tmp_path / "record.json").write_text(changed.model_dump_json(), encoding="utf-8")
    written = write_leaderboard([tmp_path], tmp_path / "out")
    assert "'=1+1; '@b; mine" in written.csv.read_text(encoding="utf-8")
    assert csv_table._text("a") == "a"
