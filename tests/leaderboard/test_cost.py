from collections.abc import Callable
from typing import Any

import pytest

from leaderboard.aggregate import aggregate
from leaderboard.record import Machine, Record, Training
from leaderboard.table import Table


def trained(seconds: float | None, processor_seconds: float | None) -> Training:
    return Training(
        steps=100,
        selection="held-out",
        selection_accuracy=(90.0,),
        kept_epoch=1,
        loss=0.3,
        seconds=seconds,
        processor_seconds=processor_seconds,
    )


def machine(**changes: Any) -> Machine:
    return Machine(**{"device": "cpu", "processor": "x", "threads": 2, "python": "3.11", "system": "Linux", **changes})


def costs(table: Table) -> dict[str, float | None]:
    return {row.label: row.cost for row in table.rows}


def test_processor_time_over_vanillas_seed_by_seed(record_factory: Callable[..., Record]) -> None:
    records = [
        record_factory("vanilla", 1, training=trained(50.0, 100.0)),
        record_factory("vanilla", 2, training=trained(500.0, 200.0)),
        record_factory("roast", 1, training=trained(1.0, 250.0)),
        record_factory("roast", 2, training=trained(1.0, 700.0)),
    ]
    (table,) = aggregate(records).tables
    assert costs(table) == {"vanilla": 1.0, "roast": pytest.approx((2.5 + 3.5) / 2)}
    assert "cost: processor time of training over vanilla's, evaluations left out." in table.notes


def test_wall_time_on_a_gpu(record_factory: Callable[..., Record]) -> None:
    gpu = machine(device="NVIDIA A100")
    records = [
        record_factory("vanilla", 1, training=trained(50.0, 100.0), machine=gpu),
        record_factory("roast", 1, training=trained(100.0, 900.0), machine=gpu),
    ]
    (table,) = aggregate(records).tables
    assert costs(table) == {"vanilla": 1.0, "roast": 2.0}
    assert any(note.startswith("cost: wall time") for note in table.notes)


@pytest.mark.parametrize(
    "changes",
    [
        {"training": trained(None, None)},
        {"machine": machine(threads=1)},
        {"machine": machine(processor="y")},
        {"machine": machine(processes=2)},
        {"machine": machine(device="NVIDIA A100")},
        {"seed": 7},
    ],
)
def test_unknown_where_times_cannot_be_compared(record_factory: Callable[..., Record], changes: dict[str, Any]) -> None:
    records = [
        record_factory("vanilla", 1, training=trained(50.0, 100.0)),
        record_factory("roast", **{"seed": 1, "training": trained(60.0, 110.0), **changes}),
    ]
    (table,) = aggregate(records).tables
    assert costs(table) == {"vanilla": 1.0, "roast": None}


def test_unknown_without_vanilla_or_without_times(record_factory: Callable[..., Record]) -> None:
    (table,) = aggregate([record_factory("roast", training=trained(60.0, 110.0))]).tables
    assert costs(table) == {"roast": None}
    (table,) = aggregate([record_factory("vanilla"), record_factory("roast")]).tables
    assert costs(table) == {"vanilla": None, "roast": None}
    assert not any(note.startswith("cost") for note in table.notes)


def test_a_vanilla_that_took_no_time_is_no_measure(record_factory: Callable[..., Record]) -> None:
    records = [
        record_factory("vanilla", training=trained(0.0, 0.0)),
        record_factory("roast", training=trained(60.0, 110.0)),
    ]
    (table,) = aggregate(records).tables
    assert costs(table) == {"vanilla": None, "roast": None}


def test_a_multiple_that_nobody_measured_is_unknown(record_factory: Callable[..., Record]) -> None:
    records = [
        record_factory("vanilla", training=trained(1e-300, 1e-300)),
        record_factory("roast", training=trained(1e10, 1e10)),
        record_factory("sam", training=trained(1.0, 1.0)),
    ]
    (table,) = aggregate(records).tables
    assert costs(table) == {"vanilla": 1.0, "roast": None, "sam": None}
