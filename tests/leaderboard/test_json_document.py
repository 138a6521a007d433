from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from leaderboard.aggregate import aggregate
from leaderboard.json_document import document_of, read_document, render_json
from leaderboard.record import Record, RecordError

RecordFactory = Callable[..., Record]


@pytest.fixture
def records(record_factory: RecordFactory) -> list[Record]:
    return [
        record_factory(name, seed, {"acc_in": base + seed}, hyper_parameters={"alpha": 0.5})
        for name, base in (("vanilla", 80.0), ("roast", 90.0))
        for seed in (1, 2)
    ] + [record_factory("sam", failure="out of memory")]


def test_holds_what_a_program_needs(records: list[Record]) -> None:
    content = json.loads(render_json(aggregate(records)))
    assert (content["format"], content["version"], content["filters"]) == ("roast-bench leaderboard", 1, [])
    (group,) = content["groups"]
    (table,) = group["tables"]
    assert (group["task"], group["backbone"]) == ("sentiment", "minilm")
    assert table["configuration"]["training.epochs"] == "3"
    assert table["data"]["imdb"] == {"rows": 1000, "sha256": "hash of imdb"}
    assert table["covers"]["acc_shift"] == ["imdb", "yelp"]
    assert [column["key"] for column in table["columns"]] == ["acc_in", "acc_shift", "acc_adv", "ece", "auroc"]
    roast, vanilla = table["rows"]
    assert roast["method"] == "roast"
    assert roast["hyper_parameters"] == {"alpha": 0.5}
    assert roast["values"]["acc_in"] == {"mean": 91.5, "deviation": pytest.approx(0.5**0.5), "seeds": 2}
    assert roast["delta"] == pytest.approx(100 * (91.5 - 81.5) / 18.5 / 5)
    assert (roast["rank"], vanilla["rank"], vanilla["delta"]) == (pytest.approx(1.4), pytest.approx(1.6), 0.0)
    first = roast["records"][0]
    assert (first["seed"], first["version"], first["commit"]) == (1, "0.1.0", "0123456789abcdef")
    assert first["config_hash"] == records[2].cell.config_hash
    assert first["values"]["acc_in"] == 91.0
    (failure,) = content["failures"]
    assert (failure["method"], failure["message"]) == ("sam", "out of memory")


def test_read_again_it_is_the_same(records: list[Record], tmp_path: Path) -> None:
    leaderboard = aggregate(records)
    path = tmp_path / "leaderboard.json"
    text = render_json(leaderboard)
    path.write_text(text, encoding="ascii")
    assert read_document(path) == document_of(leaderboard)
    assert text == render_json(aggregate(records[::-1]))
    assert json.dumps(json.loads(text), sort_keys=True, indent=1) + "\n" == text


def test_undefined_is_null_and_every_number_is_finite(record_factory: RecordFactory) -> None:
    infinite = record_factory(hyper_parameters={"bound": float("inf")}, scores={"ece": None})
    text = render_json(aggregate([infinite]))

    def refuse(name: str) -> None:
        raise AssertionError(name)

    (row,) = json.loads(text, parse_constant=refuse)["groups"][0]["tables"][0]["rows"]
    assert row["values"]["ece"] == {"mean": None, "deviation": None, "seeds": 0}
    assert (row["delta"], row["rank"], row["cost"]) == (None, None, None)
    assert row["hyper_parameters"] == '{"bound":Infinity}'


def test_hostile_text_stays_text(record_factory: RecordFactory) -> None:
    text = render_json(aggregate([record_factory('"}</script>\u202e\n\x1b[31m', task="\u2028é")]))
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["groups"][0]["tables"][0]["rows"][0]["method"] == '"}</script> [31m'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("", "is not JSON"),
        ("[1, 2]", "is no leaderboard.json, for its format is not 'roast-bench leaderboard'"),
        ("3", "is no leaderboard.json"),
        ('{"schema_version": 1}', "is no leaderboard.json"),
        ('{"format": "roast-bench leaderboard", "version": 2}', "version is 2, this roast-bench reads 1"),
        ('{"format": "roast-bench leaderboard", "version": 1, "groups": 5, "failures": []}', "groups: "),
        ('{"format": "roast-bench leaderboard", "version": 1, "groups": [{}], "failures": []}', "groups.0.task: "),
        ('{"format": "roast-bench leaderboard", "version": NaN}', "is not JSON"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_no_document_is_refused_in_one_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RecordError) as error:
        read_document(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"cannot be read \(No such file or directory\)"):
        read_document(tmp_path / "none.json")


@pytest.mark.parametrize("what", ["group", "table", "row"])
def test_what_is_there_twice_is_refused(records: list[Record], what: str, tmp_path: Path) -> None:
    content = json.loads(render_json(aggregate(records)))
    group = content["groups"][0]
    table = group["tables"][0]
    parts = {"group": content["groups"], "table": group["tables"], "row": table["rows"]}[what]
    parts.append(parts[0])
    path = tmp_path / "old.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RecordError, match=r"old\.json: holds sentiment, minilm.* twice\.$"):
        read_document(path)


@pytest.mark.parametrize(("value", "message"), [("1.5", "rank"), (True, "rank")])
def test_numbers_are_numbers(records: list[Record], value: object, message: str, tmp_path: Path) -> None:
    content = json.loads(render_json(aggregate(records)))
    content["groups"][0]["tables"][0]["rows"][0]["rank"] = value
    path = tmp_path / "old.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RecordError, match=message):
        read_document(path)
    path.write_text(json.dumps({**content, "version": True}), encoding="utf-8")
    with pytest.raises(RecordError, match="version is True"):
        read_document(path)
