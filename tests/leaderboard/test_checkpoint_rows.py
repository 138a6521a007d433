"""Checkpoints that were fine-tuned elsewhere: one table whatever they are, rows told apart by what they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from leaderboard.aggregate import aggregate
from leaderboard.record import Record
from leaderboard.setting import setting_of

LABELS = ["negative", "positive"]


@pytest.fixture
def checkpoint(record_factory: Callable[..., Record]) -> Callable[..., Record]:
    def make(name: str, identity: str, labels: list[str] = LABELS, max_length: int = 128, **changes: Any) -> Record:
        record = record_factory(name, backbone="checkpoints", training=None, training_data={}, **changes)
        resolved = {
            "task": "sentiment",
            "checkpoint": {"name": name, "identity": identity, "labels": labels},
            "seed": 0,
            "evaluation": {"projection": "probabilities", "max_length": max_length},
            "attacks": [],
        }
        configuration = record.configuration.model_copy(update={"resolved": resolved})
        return record.model_copy(update={"configuration": configuration})

    return make


def test_identity_name_and_label_order_tell_rows_apart_not_tables(checkpoint: Callable[..., Record]) -> None:
    records = [
        checkpoint("mine", "sha256:" + "a" * 64),
        checkpoint("theirs", "hub:someone/bert@" + "b" * 40, ["positive", "negative"]),
    ]
    (table,) = aggregate(records).tables
    assert {row.label for row in table.rows} == {"mine", "theirs"}
    assert setting_of(records[0]) == setting_of(records[1])


def test_another_maximum_length_is_another_table(checkpoint: Callable[..., Record]) -> None:
    records = [checkpoint("mine", "sha256:aa"), checkpoint("theirs", "sha256:bb", max_length=64)]
    (group,) = aggregate(records).groups
    assert len(group.tables) == 2
    assert group.differences[0] in ("evaluation.max_length 128 / 64", "evaluation.max_length 64 / 128")


def test_two_checkpoints_of_one_name_show_which_is_which(checkpoint: Callable[..., Record]) -> None:
    records = [checkpoint("same", "sha256:" + "a" * 64), checkpoint("same", "hub:someone/bert@" + "b" * 40)]
    (table,) = aggregate(records).tables
    assert {row.label for row in table.rows} == {
        f"same (checkpoint=sha256:{'a' * 12})",
        f"same (checkpoint=hub:someone/bert@{'b' * 12})",
    }


def test_one_checkpoint_read_in_two_label_orders_shows_the_order(checkpoint: Callable[..., Record]) -> None:
    turned = checkpoint("same", "sha256:aa", ["positive", "negative"])
    (table,) = aggregate([checkpoint("same", "sha256:aa"), turned]).tables
    assert {row.label for row in table.rows} == {
        'same (labels=["negative","positive"])',
        'same (labels=["positive","negative"])',
    }


def test_delta_needs_a_checkpoint_named_vanilla(checkpoint: Callable[..., Record]) -> None:
    (table,) = aggregate([checkpoint("mine", "sha256:aa")]).tables
    assert table.rows[0].delta is None
    assert "Δ is undefined: there is no vanilla row." in table.notes
    better = checkpoint("mine", "sha256:aa", scores={"acc_in": 95.0})
    (table,) = aggregate([checkpoint("vanilla", "sha256:bb"), better]).tables
    deltas = {row.label: row.delta for row in table.rows}
    assert deltas == {"vanilla": 0.0, "mine": pytest.approx(100 * 0.5 / 5)}


def test_the_table_keeps_the_identity_for_programs(checkpoint: Callable[..., Record]) -> None:
    (table,) = aggregate([checkpoint("mine", "sha256:" + "a" * 64)]).tables
    assert json.loads(table.rows[0].hyper_parameters) == {"checkpoint": f"sha256:{'a' * 12}", "labels": LABELS}
