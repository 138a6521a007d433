from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from leaderboard.compare_files import first_difference, first_left_over, formats_in
from leaderboard.record import AttackResult, Record, RecordError
from leaderboard.rendered_files import FILES, FORMATS, Format, rendered_files
from leaderboard.table import Leaderboard, Table
from leaderboard.write import WrittenLeaderboard, leaderboard_of, read_records_quickly, write_leaderboard

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


@pytest.fixture(autouse=True)
def quick_renderings(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of the page and the pictures, which have tests of their own and take a second each."""
    page, pictures = ModuleType("leaderboard.page"), ModuleType("leaderboard.plots")

    def render_page(leaderboard: Leaderboard, drawn: Mapping[str, Mapping[str, bytes]]) -> str:
        shown = "".join(f"{table.setting} {sorted(drawn.get(table.setting, {}))}" for table in leaderboard.tables)
        return f"<!doctype html>{shown}"

    def render_pictures(table: Table, picture_format: str) -> dict[str, bytes]:
        content = {"svg": b"<svg/>", "png": b"\x89PNG\xff"}[picture_format] + table.setting.encode()
        return dict.fromkeys(("reliability", "perspectives", "cost"), content)

    page.render_page = render_page  # type: ignore[attr-defined]
    pictures.render_pictures = render_pictures  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "leaderboard.page", page)
    monkeypatch.setitem(sys.modules, "leaderboard.plots", pictures)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_records_same_bytes_in_any_order(
    records: list[Record], write_record: RecordWriter, tmp_path: Path
) -> None:
    for position, record in enumerate(records):
        write_record(record, tmp_path / "one" / f"cell-{position}")
    for position, record in enumerate(reversed(records)):
        write_record(record, tmp_path / ("two" if position % 2 else "three") / f"cell-{position}")
    write_leaderboard([tmp_path / "one"], tmp_path / "out-1", FORMATS)
    write_leaderboard([tmp_path / "two", tmp_path / "three"], tmp_path / "out-2", FORMATS[::-1])
    first, second = contents(tmp_path / "out-1"), contents(tmp_path / "out-2")
    assert len([name for name in first if name.endswith(".svg")]) == 2 * 3
    assert set(FILES.values()) < set(first)
    assert first == second
    write_leaderboard([tmp_path / "three", tmp_path / "two", tmp_path / "two"], tmp_path / "out-1", FORMATS)
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
    written = write_leaderboard([tmp_path / "records"], tmp_path / "out", ("markdown", "csv", "latex"))
    assert len(written.files) == 3
    for (path,) in written.files.values():
        content = path.read_text(encoding="utf-8")
        assert str(tmp_path) not in content
        assert "2026-01-01" not in content


def setting_in(written: WrittenLeaderboard) -> str:
    (table,) = written.leaderboard.tables
    return table.setting


@pytest.mark.parametrize("formats", [("markdown", "svg"), ("markdown", "png"), ("svg", "png", "markdown")])
def test_pictures_lie_beside_and_are_shown_and_linked(
    record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path, formats: tuple[str, ...]
) -> None:
    write_record(record_factory(), tmp_path / "in")
    written = write_leaderboard([tmp_path / "in"], tmp_path / "out", formats)  # type: ignore[arg-type]
    ending = "svg" if "svg" in formats else "png"
    end = f"sentiment-minilm-{setting_in(written)}.{ending}"
    assert len(written.pictures) == 3 * (len(formats) - 1)
    assert {path.parent for path in written.pictures} == {tmp_path / "out" / "pictures"}
    lines = written.markdown.read_text(encoding="utf-8").splitlines()
    assert f"![The five perspectives of sentiment, minilm, by method](pictures/perspectives-{end})" in lines
    assert f"More pictures: [cost](pictures/cost-{end}), [reliability](pictures/reliability-{end})." in lines


def test_only_what_is_asked_for_is_written(
    record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path
) -> None:
    write_record(record_factory(), tmp_path / "in")
    written = write_leaderboard([tmp_path / "in"], tmp_path / "out", ("latex", "csv"))
    assert sorted(contents(tmp_path / "out")) == ["leaderboard.csv", "leaderboard.tex"]
    assert set(written.files) == {"csv", "latex"}
    write_leaderboard([tmp_path / "in"], tmp_path / "out", ("json",))
    assert sorted(contents(tmp_path / "out")) == ["leaderboard.csv", "leaderboard.json", "leaderboard.tex"]


def test_names_never_become_paths(record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path) -> None:
    for name in ("../../evil", "Ünï/code", ""):
        write_record(record_factory(task=name, backbone=f"a/{name}"), tmp_path / "in" / str(len(name)))
    written = write_leaderboard([tmp_path / "in"], tmp_path / "out", FORMATS)
    assert {path.parent for path in written.pictures} == {tmp_path / "out" / "pictures"}
    assert len({path.name for path in written.pictures}) == 2 * 3 * 3
    markdown = written.markdown.read_text(encoding="utf-8")
    for path in written.files["svg"]:
        assert path.is_file()
        assert f"](pictures/{path.name})" in markdown


def test_nothing_is_written_where_one_rendering_fails(
    record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record(record_factory(), tmp_path / "in")

    def broken(leaderboard: Leaderboard, drawn: object) -> str:
        raise RuntimeError("broken")

    monkeypatch.setattr(sys.modules["leaderboard.page"], "render_page", broken)
    with pytest.raises(RuntimeError, match="broken"):
        write_leaderboard([tmp_path / "in"], tmp_path / "out", FORMATS)
    assert not (tmp_path / "out").exists()


def test_files_that_were_left_out_are_noted_in_every_table(
    record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path
) -> None:
    write_record(record_factory(), tmp_path / "good")
    write_record(record_factory(task="entailment"), tmp_path / "other")
    for number in range(7):
        (tmp_path / f"bad-{number}").mkdir()
        (tmp_path / f"bad-{number}" / "record.json").write_text("{", encoding="utf-8")
    leaderboard = leaderboard_of(read_records_quickly([tmp_path], skip_bad=True))
    named = ", ".join(f"bad-{number}/record.json" for number in range(5))
    note = f"7 record files could not be used and may be missing here: {named} and 2 more."
    assert [table.notes[-1] for table in leaderboard.tables] == [note, note]


def test_the_first_difference(record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path) -> None:
    write_record(record_factory(), tmp_path / "in")
    out = tmp_path / "out"
    files = rendered_files(write_leaderboard([tmp_path / "in"], out, FORMATS).leaderboard, FORMATS)
    assert first_difference(files, out) is None
    path = out / "leaderboard.csv"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace(",minilm,", ",mini,"), encoding="utf-8")
    assert str(first_difference(files, out)).startswith(f"{path}:2: is 'sentiment,mini,")
    path.write_text(whole + "more\n", encoding="utf-8")
    assert first_difference(files, out) == f"{path}:3: is 'more', the records give ''"
    path.write_text(whole[:-1], encoding="utf-8")
    assert first_difference(files, out) == f"{path}:3: is the end of the file, the records give ''"
    last = whole.rstrip("\n")[-1]
    path.write_text(whole.replace(f"{last}\n", "#\n"), encoding="utf-8")
    found = str(first_difference(files, out)).partition(": is ")[2].split(", the records give ")
    assert len(found) == 2
    assert found[0].startswith("'…")
    assert found[0].endswith("#'")
    assert found[1] == f"{found[0][:-2]}{last}'"
    path.write_bytes(whole.replace("\n", "\r\n").encode())
    assert str(first_difference(files, out)).startswith(f"{path}: its lines end in a carriage return")
    path.write_bytes(whole.replace("minilm", "mini\0lm").encode().replace(b"\0", b"\xff"))
    assert str(first_difference(files, out)).startswith(f"{path}:2: is 'sentiment,mini\\\\xfflm,")
    path.write_bytes(whole.encode())
    (picture,) = out.glob("pictures/cost-*.png")
    picture.write_bytes(b"\x89PNG\xfe")
    assert first_difference(files, out) == f"{picture}: is another picture than the records give"
    picture.unlink()
    assert first_difference(files, out) == f"{picture}: is missing"
    assert first_difference(files, out / "leaderboard.csv") is not None


def test_pictures_of_another_setting_are_left_over(
    record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path
) -> None:
    write_record(record_factory(), tmp_path / "in")
    files = rendered_files(write_leaderboard([tmp_path / "in"], tmp_path, ("markdown", "svg")).leaderboard, ("svg",))
    old = tmp_path / "pictures" / "cost-sentiment-minilm-0123abcd"
    for name in (tmp_path / "pictures" / "ours.svg", old.with_suffix(".png")):
        name.write_text("", encoding="utf-8")
    assert first_left_over(files, tmp_path) is None
    old.with_suffix(".svg").write_text("", encoding="utf-8")
    assert first_left_over(files, tmp_path) == f"{old}.svg: is no picture of these records"


def test_which_formats_are_there(record_factory: RecordFactory, write_record: RecordWriter, tmp_path: Path) -> None:
    write_record(record_factory(), tmp_path / "in")
    assert formats_in(tmp_path / "out") == ("markdown",)
    write_leaderboard([tmp_path / "in"], tmp_path / "out", ("json", "svg"))
    (tmp_path / "out" / "pictures" / "ours.png").write_text("", encoding="utf-8")
    assert formats_in(tmp_path / "out") == ("markdown", "json", "svg")
    write_leaderboard([tmp_path / "in"], tmp_path / "out", FORMATS)
    assert formats_in(tmp_path / "out") == FORMATS


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


@pytest.mark.parametrize(
    ("formats", "held"), [(("html", "svg"), ["cost", "perspectives", "reliability"]), (("html", "png"), [])]
)
def test_the_page_holds_the_svg_pictures_that_are_drawn(
    record_factory: RecordFactory,
    write_record: RecordWriter,
    tmp_path: Path,
    formats: tuple[Format, ...],
    held: list[str],
) -> None:
    write_record(record_factory(), tmp_path / "in")
    written = write_leaderboard([tmp_path / "in"], tmp_path / "out", formats)
    assert written.files["html"][0].read_text(encoding="utf-8").endswith(str(held))
