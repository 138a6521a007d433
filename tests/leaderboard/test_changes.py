"""Every kind of change, and every reason for one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from leaderboard.aggregate import aggregate
from leaderboard.changes import (
    RowChange,
    TableChanges,
    changes_between,
    render_changes,
    render_changes_markdown,
    selected_changes,
)
from leaderboard.json_document import Document, document_of
from leaderboard.record import Code, EvaluatedSet, Record, Training

RecordFactory = Callable[..., Record]
SetFactory = Callable[..., EvaluatedSet]

VANILLA, ROAST, FREELB = 80.0, 90.0, 85.0


@pytest.fixture
def cell(record_factory: RecordFactory) -> Callable[..., Record]:
    def make(method: str, seed: int = 0, acc_in: float | None = None, **changes: Any) -> Record:
        base = {"vanilla": VANILLA, "roast": ROAST, "freelb": FREELB}[method]
        scores = {"acc_in": base if acc_in is None else acc_in}
        return record_factory(method, seed, scores, **{"config_hash": f"{method}{seed}".encode().hex(), **changes})

    return make


Cell = Callable[..., Record]


@pytest.fixture
def before(cell: Cell) -> list[Record]:
    return [cell(method, seed) for method in ("vanilla", "roast", "freelb") for seed in (0, 1)]


def compared(old: list[Record], new: list[Record]) -> list[TableChanges]:
    return changes_between(document_of(aggregate(old)), document_of(aggregate(new)))


def rows(old: list[Record], new: list[Record]) -> dict[str, RowChange]:
    (table,) = (table for table in compared(old, new) if table.setting)
    return {row.label: row for row in table.rows}


def without(records: list[Record], method: str, *seeds: int) -> list[Record]:
    return [record for record in records if record.cell.method != method or record.cell.seed not in seeds]


def test_nothing_changed(before: list[Record]) -> None:
    assert compared(before, before[::-1]) == []
    assert render_changes([]) == "Nothing changed."
    assert render_changes_markdown([]) == "# Changes\n\nNothing changed.\n"


def test_a_row_is_added_and_moves_the_others(before: list[Record]) -> None:
    found = rows(without(before, "freelb", 0, 1), before)
    assert set(found) == {"freelb", "vanilla", "roast"}
    assert found["freelb"].kind == "added"
    assert found["freelb"].why == ("new records of seeds 0, 1",)
    assert found["vanilla"].kind == "moved"
    assert found["vanilla"].rank == "1.60 → 2.20"  # ties of three share rank 2
    assert found["roast"].rank == "1.40 → 1.80"
    assert found["vanilla"].delta == "0.00"
    assert found["vanilla"].why == ("its records are the same; other rows moved it: freelb (new)",)


def test_a_row_is_removed(before: list[Record]) -> None:
    found = rows(before, without(before, "freelb", 0, 1))
    assert found["freelb"].kind == "removed"
    assert found["freelb"].why == ("records of seeds 0, 1 are gone",)
    assert "freelb (gone)" in found["vanilla"].why[0]


def test_a_row_is_gone_because_its_cells_failed(before: list[Record], record_factory: RecordFactory) -> None:
    failed = [record_factory("freelb", seed, failure="out of memory") for seed in (0, 1)]
    found = rows(before, [*without(before, "freelb", 0, 1), *failed])
    why = "records of seeds 0, 1 are gone; cells of the method failed (ValueError): seeds 0, 1"
    assert found["freelb"].why == (why,)
    half = rows(before, [*without(before, "freelb", 0, 1), failed[0]])
    why = "records of seeds 0, 1 are gone; cells of the method failed (ValueError): seed 0"
    assert half["freelb"].why == (why,)
    back = rows([*without(before, "freelb", 0, 1), *failed], before)
    assert back["freelb"].why == ("new records of seeds 0, 1, of which seeds 0, 1 had failed",)


def test_a_new_seed(before: list[Record], cell: Cell) -> None:
    found = rows(before, [*before, cell("roast", 2, 96.0)])
    assert set(found) == {"roast"}
    assert found["roast"].kind == "moved"
    assert found["roast"].why[0] == "new record of seed 2"
    assert "scores: acc_in 90.00 ± 0.00 → 92.00 ± 3.46" in found["roast"].why
    gone = rows([*before, cell("roast", 2, 96.0)], before)
    assert gone["roast"].why[0] == "record of seed 2 is gone"


def test_a_seed_that_moves_no_number_is_a_change_all_the_same(before: list[Record], cell: Cell) -> None:
    found = rows(before, [*before, cell("roast", 2)])
    assert (found["roast"].kind, found["roast"].why) == ("changed", ("new record of seed 2",))


def test_rescored(before: list[Record], cell: Cell) -> None:
    found = rows(before, [*without(before, "roast", 1), cell("roast", 1, 92.0)])
    assert found["roast"].why == ("rescored: seed 1", "scores: acc_in 90.00 ± 0.00 → 91.00 ± 1.41")


def test_run_again(before: list[Record], cell: Cell) -> None:
    found = rows(before, [*without(before, "roast", 1), cell("roast", 1, 92.0, started="2026-02-02T00:00:00Z")])
    assert found["roast"].why[0] == "run again: seed 1"


def test_another_version(before: list[Record], cell: Cell) -> None:
    code = Code(version="0.2.0", commit="fedcba9876543210", dirty=True)
    new = [cell("roast", seed, 92.0, code=code) for seed in (0, 1)]
    found = rows(before, [*without(before, "roast", 0, 1), *new])
    assert found["roast"].why[0] == (
        "run by roast-bench 0.2.0 (fedcba9876, uncommitted changes) instead of 0.1.0 (0123456789): seeds 0, 1"
    )


def test_another_configuration(before: list[Record], cell: Cell) -> None:
    found = rows(before, [*without(before, "roast", 1), cell("roast", 1, 92.0, config_hash="ab" * 8)])
    assert found["roast"].why[0] == "run in another configuration: seed 1"


def test_vanilla_moves_the_delta_of_all(before: list[Record], cell: Cell) -> None:
    found = rows(before, [*without(before, "vanilla", 0, 1), *(cell("vanilla", seed, 81.0) for seed in (0, 1))])
    assert set(found) == {"vanilla", "roast", "freelb"}
    assert found["vanilla"].why[0] == "rescored: seeds 0, 1"
    assert found["roast"].why == ("its records are the same; other rows moved it: vanilla (its records changed)",)
    assert " → " in found["roast"].delta
    assert " → " not in found["roast"].rank


def test_other_data_of_the_whole_table(before: list[Record], cell: Cell, set_factory: SetFactory) -> None:
    imdb = {"imdb": set_factory("imdb", rows=500, sha256="other")}
    new = [
        cell(record.cell.method, record.cell.seed, 91.0, sets=imdb, config_hash=f"{position:016x}")
        for position, record in enumerate(before)
    ]
    (table,) = compared(before, new)
    assert table.before
    assert table.before != table.setting
    assert table.differences == ("data of imdb differs (1,000 / 500 rows)",)
    assert {row.kind for row in table.rows} == {"moved"}
    assert {row.why[0] for row in table.rows} == {"the setting changed"}


def test_a_changed_setting_is_named_though_no_number_moved(before: list[Record], cell: Cell) -> None:
    new = [
        cell(record.cell.method, record.cell.seed, resolved={"training": {"epochs": 10, "batch_size": 16}})
        for record in before
    ]
    (table,) = compared(before, new)
    assert table.differences == ("training.epochs 3 / 10",)
    assert table.rows == ()
    assert "the setting: training.epochs 3 / 10" in render_changes([table])


def test_a_row_that_went_to_another_table(before: list[Record], cell: Cell, set_factory: SetFactory) -> None:
    imdb = {"imdb": set_factory("imdb", sha256="other")}
    moved = [cell("freelb", seed, sets=imdb) for seed in (0, 1)]
    kept, new = compared(before, [*without(before, "freelb", 0, 1), *moved])
    gone = next(row for row in kept.rows if row.label == "freelb")
    assert gone.kind == "removed"
    assert gone.why == (f"its setting changed, it is in {new.setting} now (before / after: data of imdb differs)",)
    (there,) = new.rows
    assert there.why == (f"its setting changed, it was in {kept.setting} (before / after: data of imdb differs)",)


def test_the_same_records_aggregated_otherwise(before: list[Record]) -> None:
    document = document_of(aggregate(before))
    content = json.loads(document.model_dump_json())
    row = content["groups"][0]["tables"][0]["rows"][0]
    row["delta"] += 1
    (table,) = changes_between(Document.model_validate(content), document)
    (change,) = table.rows
    assert change.label == row["label"]
    assert change.why == ("its records are the same, but were aggregated otherwise",)


def changed_document(before: list[Record], **changes: Any) -> list[TableChanges]:
    """What is said where the row of RoAST in the later document is another one."""
    document = document_of(aggregate(before))
    content = json.loads(document.model_dump_json())
    (row,) = (row for row in content["groups"][0]["tables"][0]["rows"] if row["label"] == "roast")
    row.update(changes)
    return changes_between(document, Document.model_validate(content))


def test_significance_alone(before: list[Record]) -> None:
    against = {"difference": -2.5, "low": -4.0, "high": -1.0, "p": 0.01, "other": "vanilla", "significant": True}
    nothing = {**against, "p": 0.2, "significant": False}
    (table,) = changed_document(before, against_baseline={"ece": against, "acc_adv": against, "acc_in": nothing})
    (change,) = table.rows
    assert (change.kind, change.label) == ("changed", "roast")
    assert change.why[1:] == ("against vanilla: acc_adv not tested → worse, ece not tested → better",)


def test_what_was_never_told_apart_is_no_change(before: list[Record]) -> None:
    nothing = {"difference": 1.0, "low": -4.0, "high": 4.0, "p": 0.5, "other": "vanilla", "significant": False}
    assert changed_document(before, against_baseline={"acc_in": nothing}) == []


def test_a_failed_cell_alone(before: list[Record], record_factory: RecordFactory) -> None:
    failed = record_factory("sam", 3, failure="out of memory")
    (table,) = compared(before, [*before, failed])
    assert render_changes([table]).splitlines() == [
        "Rows: 1 failed.",
        "",
        "sentiment, minilm, failed cells",
        "  failed sam: rank –, Δ –; ValueError: seed 3",
    ]
    assert compared([*before, failed], [*before, failed]) == []
    (other,) = compared(before, [*before, record_factory("sam", 3, task="entailment", failure="out of memory")])
    assert other.task == "entailment"


def test_a_table_beside_one_that_stays_is_new(before: list[Record], cell: Cell, set_factory: SetFactory) -> None:
    imdb = {"imdb": set_factory("imdb", sha256="other")}
    (added,) = compared(before, [*before, cell("roast", 0, sets=imdb)])
    assert [(row.kind, row.why) for row in added.rows] == [("added", ("new record of seed 0",))]
    (removed,) = compared([*before, cell("roast", 0, sets=imdb)], before)
    assert [(row.kind, row.why) for row in removed.rows] == [("removed", ("record of seed 0 is gone",))]


def test_another_run_of_vanilla_is_named_where_only_costs_follow(cell: Cell) -> None:
    def timed(method: str, seed: int, seconds: float, started: str) -> Record:
        training = Training(
            steps=9, selection="held-out", selection_accuracy=(90.0,), kept_epoch=1, loss=0.3, processor_seconds=seconds
        )
        return cell(method, seed, training=training, started=started)

    old = [timed(method, 0, 10.0, "2026-01-01T00:00:00Z") for method in ("vanilla", "roast")]
    new = [timed("vanilla", 0, 5.0, "2026-01-02T00:00:00Z"), old[1]]
    why = rows(old, new)["roast"].why
    assert why == (
        "its records are the same; other rows moved it: vanilla (its records changed)",
        "training time: 1.00× → 2.00×",
    )


def test_cost_alone(before: list[Record]) -> None:
    (table,) = changed_document(before, cost=2.5)
    (change,) = table.rows
    assert (change.kind, change.label) == ("changed", "roast")
    assert change.why[1:] == ("training time: – → 2.50×",)


def test_a_deviation_alone(before: list[Record], cell: Cell) -> None:
    new = [*without(before, "roast", 0, 1), cell("roast", 0, ROAST - 1), cell("roast", 1, ROAST + 1)]
    change = rows(before, new)["roast"]
    assert change.kind == "changed"
    assert change.why == ("rescored: seeds 0, 1", "scores: acc_in 90.00 ± 0.00 → 90.00 ± 1.41")


def test_tables_come_and_go(before: list[Record], cell: Cell) -> None:
    other = [cell("vanilla", 0, task="entailment")]
    (added,) = compared(before, [*before, *other])
    assert (added.task, [row.kind for row in added.rows]) == ("entailment", ["added"])
    (removed,) = compared([*before, *other], before)
    assert (removed.task, [row.kind for row in removed.rows]) == ("entailment", ["removed"])


def test_only_what_is_asked_for(before: list[Record], cell: Cell) -> None:
    changes = compared([], [*before, cell("vanilla", 0, task="entailment")])
    assert len(changes) == 2
    assert [table.task for table in selected_changes(changes, tasks=["entailment"])] == ["entailment"]
    (table,) = selected_changes(changes, methods=["roast"])
    assert [row.method for row in table.rows] == ["roast"]
    assert selected_changes(changes, backbones=["other"]) == []


def test_the_report_does_not_depend_on_the_order_of_records(before: list[Record], cell: Cell) -> None:
    new = [*without(before, "freelb", 0), cell("roast", 2), cell("roast", 3, 70.0), cell("vanilla", 5)]
    expected = render_changes_markdown(compared(before, new))
    for seed in range(3):
        random.Random(seed).shuffle(before)
        random.Random(seed).shuffle(new)
        assert render_changes_markdown(compared(before, new)) == expected


def test_rendered(before: list[Record], cell: Cell) -> None:
    new = [*without(before, "freelb", 0, 1), cell("roast", 2, 96.0)]
    changes = compared(before, new)
    text = render_changes(changes)
    assert text.startswith("Rows: 1 removed, 2 moved.\n\nsentiment, minilm, setting ")
    assert "removed freelb: rank 2.00" in text
    markdown = render_changes_markdown(changes)
    assert "| removed  | freelb" in markdown


def test_a_hostile_document_is_rendered_inert(before: list[Record]) -> None:
    content = json.loads(document_of(aggregate(before)).model_dump_json())
    evil = "<img src=x onerror=alert(1)>|\n# x\u202e\x1b[2J"
    content["groups"][0]["task"] = evil
    table = content["groups"][0]["tables"][0]
    table["covers"] = {}
    for row in table["rows"]:
        row["label"] = row["method"] = evil
    changes = changes_between(Document.model_validate(content), document_of(aggregate(before)))
    markdown = render_changes_markdown(changes)
    assert "<img" not in markdown
    for text in (markdown, render_changes(changes)):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\n# x" not in text
