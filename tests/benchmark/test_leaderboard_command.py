"""The verb `leaderboard`: formats, filters, checks, changes, and files that are no records."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaderboard.checksum import with_checksum
from leaderboard.record import find_records

PUBLISHED = Path(__file__).parents[2] / "leaderboard" / "results" / "quickstart"
FORMATS = "markdown,csv,latex,json"  # all that take no second to load


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """vanilla and roast on reviews."""
    return Path(shutil.copytree(PUBLISHED, tmp_path / "records"))


def change(path: Path, edit: Callable[[dict[str, Any]], None], to: Path | None = None) -> None:
    """Write a record with changes, its checksum renewed, there or elsewhere."""
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content)
    target = to or path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(with_checksum(content))


def record_of(folder: Path, method: str) -> Path:
    (path,) = (path for path in find_records(folder) if f"/{method}/" in path.as_posix())
    return path


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def refused(done: Any, *parts: str) -> None:
    assert done.code == 2, (done.out, done.err)
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert "Traceback" not in line
    for part in parts:
        assert part in line, line


def test_formats(roast_bench, records, tmp_path):
    done = roast_bench("leaderboard", records, "--out", tmp_path / "out", "--format", "latex,json", "--format", "csv")
    assert done.code == 0, done.err
    assert sorted(files(tmp_path / "out")) == ["leaderboard.csv", "leaderboard.json", "leaderboard.tex"]
    for name in files(tmp_path / "out"):
        assert f"Wrote {tmp_path / 'out' / name}" in done.out
    refused(roast_bench("leaderboard", records, "--format", "markdwon"), "unknown format", "did you mean 'markdown'?")
    refused(roast_bench("leaderboard", records, "--format", ","), "--format: names nothing")


def test_output_for_a_program(roast_bench, records, tmp_path):
    out = tmp_path / "out"
    done = roast_bench("leaderboard", records, "--out", out, "--format", "csv", "--json")
    assert json.loads(done.out) == {"files": {"csv": [str(out / "leaderboard.csv")]}, "left_out": [], "changes": None}


def test_filters_change_no_number(roast_bench, records, tmp_path):
    options = ["--task", "reviews", "--backbone", "minilm", "--format", FORMATS]
    whole = roast_bench("leaderboard", records, "--out", tmp_path / "whole", *options)
    assert whole.code == 0
    done = roast_bench("leaderboard", records, "--out", tmp_path / "part", *options, "--methods", "roast")
    assert done.code == 0
    assert "1 of 2 rows are shown" in done.out

    def rows(folder: str) -> dict[str, Any]:
        content = json.loads((tmp_path / folder / "leaderboard.json").read_text(encoding="utf-8"))
        (group,) = content["groups"]
        return {row["method"]: row for table in group["tables"] for row in table["rows"]}

    assert rows("whole")["roast"] == rows("part")["roast"]
    assert set(rows("part")) == {"roast"}
    assert rows("part")["roast"]["delta"] is not None


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--task", "review"], ["unknown task 'review'; did you mean 'reviews'?"]),
        (["--backbone", "minilmm"], ["unknown backbone 'minilmm'; did you mean 'minilm'?"]),
        (["--methods", "vanilla,roats"], ["unknown method 'roats'; did you mean 'roast'?"]),
        (["--methods", "RoAST"], ["unknown method 'RoAST'; did you mean 'roast'?"]),
        (["--format", "CSV"], ["unknown format 'CSV'; did you mean 'csv'?"]),
        (["--methods", ","], ["--methods: names nothing"]),
        (["--sort", "acc_on"], ["--sort: no table has a column 'acc_on'; did you mean 'acc_in'?"]),
        (["--sort", "acc"], ["'acc' is in several headings: acc_in; acc_shift; acc_adv"]),
        (["--check", "--against", "old"], ["--check --against: name one of them"]),
        (["--against", "nowhere"], ["nowhere: cannot be read (No such file or directory)"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_mistakes(roast_bench, records, tmp_path, monkeypatch, options, parts):
    monkeypatch.chdir(tmp_path)
    refused(roast_bench("leaderboard", records, "--out", "out", "--format", FORMATS, *options), *parts)
    assert not (tmp_path / "out").exists()


def test_filters_that_leave_nothing(roast_bench, records, tmp_path):
    change(
        record_of(records, "vanilla"),
        lambda content: content["cell"].update(task="other", backbone="bert"),
        tmp_path / "records" / "more" / "record.json",
    )
    done = roast_bench("leaderboard", records, "--out", tmp_path / "out", "--task", "other", "--backbone", "minilm")
    refused(done, "task: other; backbone: minilm leaves no row; there is: other with bert, reviews with minilm.")


def test_sorted(roast_bench, records, tmp_path):
    done = roast_bench("leaderboard", records, "--out", tmp_path, "--format", "csv", "--sort", "acc_adv")
    assert done.code == 0, done.err
    with (tmp_path / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        assert [row["method"] for row in csv.DictReader(file)] == ["roast", "vanilla"]
    assert "Sorted by acc_adv: deepwordbug" in done.out


def test_resampling_many_records_is_announced_and_done_once(roast_bench, records, tmp_path, monkeypatch):
    monkeypatch.setenv("ROAST_BENCH_CACHE", str(tmp_path / "cache"))
    command = ["leaderboard", records, "--format", "csv"]
    monkeypatch.setattr("benchmark.command_line.leaderboard._MANY_RECORDS", 2)
    assert roast_bench(*command).err.startswith("resampling 2 records ")
    assert roast_bench(*command).err == ""
    monkeypatch.setenv("ROAST_BENCH_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr("benchmark.command_line.leaderboard._MANY_RECORDS", 3)
    assert roast_bench(*command).err == ""


def test_check(roast_bench, records, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check = ["leaderboard", records, "--out", "out", "--check"]
    done = roast_bench(*check)
    assert (done.code, done.out) == (1, "")
    assert f"out/LEADERBOARD.md: is missing. `roast-bench leaderboard {records} --out out" in done.err
    assert not Path("out").exists()

    assert roast_bench("leaderboard", records, "--out", "out", "--format", FORMATS).code == 0
    before = files(Path("out"))
    done = roast_bench(*check)
    assert (done.code, done.err) == (0, "")
    assert done.out == "out: LEADERBOARD.md, leaderboard.csv, leaderboard.tex, leaderboard.json: up to date.\n"
    assert json.loads(roast_bench(*check, "--json").out)["up_to_date"] is True

    change(record_of(records, "roast"), lambda content: content["scores"]["acc_in"].update(value=99.0))
    done = roast_bench(*check)
    assert (done.code, done.out) == (1, "")
    (line,) = done.err.splitlines()
    assert line.startswith("roast-bench: out/LEADERBOARD.md:9: is '")
    assert line.endswith(f"`roast-bench leaderboard {records} --out out --format {FORMATS}` writes it anew.")
    assert files(Path("out")) == before
    done = roast_bench(*check, "--json")
    assert (done.code, json.loads(done.out)["up_to_date"]) == (1, False)
    # The command that it names mends it.
    assert roast_bench(*line.split("`")[1].split()[1:]).code == 0
    assert roast_bench(*check).code == 0


def test_check_of_what_is_asked_for(roast_bench, records, tmp_path):
    assert roast_bench("leaderboard", records, "--out", tmp_path, "--format", "markdown,csv").code == 0
    (tmp_path / "leaderboard.csv").write_text("old\n", encoding="utf-8")
    check = ["leaderboard", records, "--out", tmp_path, "--check"]
    assert roast_bench(*check, "--format", "markdown").code == 0
    assert "leaderboard.csv:1: is 'old'" in roast_bench(*check).err
    done = roast_bench(*check, "--format", "markdown,json")
    assert done.code == 1
    assert "leaderboard.json: is missing" in done.err


def test_check_finds_pictures_of_other_records(roast_bench, records, tmp_path):
    assert roast_bench("leaderboard", records, "--out", tmp_path, "--format", "markdown,svg").code == 0
    check = ["leaderboard", records, "--out", tmp_path, "--check"]
    assert roast_bench(*check).code == 0
    old = tmp_path / "pictures" / "cost-sentiment-minilm-0123abcd.svg"
    old.write_text("<svg/>", encoding="utf-8")
    done = roast_bench(*check)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"roast-bench: {old}: is no picture of these records; remove it.\n"


def test_changes_since_older_records_and_since_a_document(roast_bench, records, tmp_path):
    old, out = tmp_path / "old", tmp_path / "out"
    shutil.copytree(records, old)
    assert roast_bench("leaderboard", old, "--out", old, "--format", FORMATS).code == 0
    change(record_of(records, "roast"), lambda content: content["scores"]["acc_in"].update(value=99.0))
    change(
        record_of(records, "vanilla"),
        lambda content: content["cell"].update(method="freelb"),
        records / "more" / "record.json",
    )
    reports = []
    for older in (old, old / "leaderboard.json"):
        done = roast_bench("leaderboard", records, "--out", out, "--format", FORMATS, "--against", older)
        assert done.code == 0, done.err
        reports.append((out / "CHANGES.md").read_text(encoding="utf-8"))
        assert "rescored: seed 0; scores: acc_in 80.00 → 99.00" in " ".join(done.out.split())
        assert "added freelb" in done.out
        assert f"Wrote {out / 'CHANGES.md'}" in done.out
    assert reports[0] == reports[1]
    assert "Rows: 1 added, 2 moved." in reports[0]
    done = roast_bench("leaderboard", records, "--out", out, "--format", "csv", "--against", old, "--json")
    (table,) = json.loads(done.out)["changes"]
    assert {row["label"]: row["kind"] for row in table["rows"]} == {
        "freelb": "added",
        "roast": "moved",
        "vanilla": "moved",
    }


def test_the_older_document_may_be_the_one_that_is_replaced(roast_bench, records):
    options = ["leaderboard", records, "--format", FORMATS]
    assert roast_bench(*options).code == 0
    change(record_of(records, "roast"), lambda content: content["scores"]["acc_in"].update(value=99.0))
    done = roast_bench(*options, "--against", records / "leaderboard.json")
    assert "rescored" in done.out
    assert "Nothing changed." in roast_bench(*options, "--against", records / "leaderboard.json").out


def test_what_is_left_out_of_older_records_is_told(roast_bench, records, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(records, old)
    record_of(old, "roast").write_text("[]", encoding="utf-8")
    done = roast_bench("leaderboard", records, "--out", tmp_path / "out", "--against", old, "--skip-bad")
    assert (done.code, "added roast" in done.out) == (0, True)
    assert done.err.startswith(f"roast-bench: left out: {record_of(old, 'roast')}: is no record")
    assert done.err.count("\n") == 1


def test_a_part_is_not_compared_with(roast_bench, records, tmp_path):
    assert roast_bench("leaderboard", records, "--methods", "roast", "--format", "json", "--out", tmp_path).code == 0
    done = roast_bench("leaderboard", records, "--out", tmp_path / "out", "--against", tmp_path / "leaderboard.json")
    refused(done, "it holds a part only (methods: roast)")


def test_all_bad_files_are_named_and_nothing_is_written(roast_bench, records, tmp_path):
    for name, content in {"a": "[]", "b": "7", "c": '{"schema_version": 99}', "d": '{"schema_'}.items():
        (records / name).mkdir()
        (records / name / "record.json").write_text(content, encoding="utf-8")
    done = roast_bench("leaderboard", records, "--out", tmp_path / "out")
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    assert len(lines) == 5
    for name, line in zip("abcd", lines, strict=False):
        assert line.startswith(f"roast-bench: {records / name / 'record.json'}: ")
    assert "schema_version is 99" in lines[2]
    assert lines[4].startswith("roast-bench: 4 of 6 record files cannot be used: nothing was written.")
    assert not (tmp_path / "out").exists()

    done = roast_bench("leaderboard", records, "--out", tmp_path / "out", "--format", FORMATS, "--skip-bad")
    assert done.code == 0
    assert len(done.err.splitlines()) == 4
    note = "4 record files could not be used and may be missing here: a/record.json"
    for name in ("LEADERBOARD.md", "leaderboard.json"):
        assert note in (tmp_path / "out" / name).read_text(encoding="utf-8")


def test_one_bad_file_is_one_line(roast_bench, records, tmp_path):
    path = record_of(records, "roast")
    path.write_bytes(path.read_bytes()[:300])
    refused(roast_bench("leaderboard", records, "--out", tmp_path / "out"), str(path), "is not JSON")


def test_without_vanilla(roast_bench, records, tmp_path):
    shutil.rmtree(record_of(records, "vanilla").parent)
    done = roast_bench("leaderboard", records, "--out", tmp_path, "--format", FORMATS)
    assert done.code == 0, done.err
    assert "Δ is undefined: there is no vanilla row." in done.out


def test_an_output_folder_that_cannot_be_written(roast_bench, records, tmp_path):
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    done = roast_bench("leaderboard", records, "--out", tmp_path / "out", "--format", FORMATS)
    refused(done, str(tmp_path / "out"), "cannot be written")
