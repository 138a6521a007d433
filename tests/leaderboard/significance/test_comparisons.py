from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from leaderboard.aggregate import aggregate
from leaderboard.layout import legend
from leaderboard.record import PERSPECTIVES, Record
from leaderboard.significance import comparisons
from leaderboard.significance.comparisons import REPLICATES
from leaderboard.significance.draws import seed_weights
from leaderboard.significance.holm import holm
from leaderboard.table import DELTA, Comparison, Row, Table

Factory = Callable[..., Record]
ATTACK = "deepwordbug (60 texts, ≤200 queries, seed 0)"


@pytest.fixture
def few_replicates(monkeypatch: pytest.MonkeyPatch) -> None:
    original = comparisons.with_comparisons
    monkeypatch.setattr("leaderboard.aggregate.with_comparisons", lambda *given: original(*given, replicates=199))


@pytest.fixture
def record_of(predicted: Any, predicted_record_factory: Factory) -> Factory:
    """A record of a method that is the better the larger its gain."""

    def make(method: str, seed: int, gain: float, *, attack: bool = True, **given: Any) -> Record:
        texts = np.random.default_rng(0)
        own = np.random.default_rng([seed, *method.encode()])
        sets = {}
        for name, role in (("sst2", "in-distribution"), ("imdb", "shift"), ("adv", "adversarial"), ("qqp", "anomaly")):
            truth, hard = texts.integers(0, 2, 150), texts.normal(size=150)
            margin = hard + 0.4 * own.normal(size=150) + (0 if role == "anomaly" else 1 + gain)
            sign = 2 * truth - 1
            logits = np.stack([-sign * margin, sign * margin], axis=1)
            sets[name] = predicted(role, logits, None if role == "anomaly" else truth)
        held_out = [bool(bit) for bit in own.random(60) < 0.4 + 0.3 * gain] if attack else None
        return predicted_record_factory(method, seed, sets, held_out, **given)

    return make


def only_table(records: list[Record]) -> Table:
    (table,) = aggregate(records).tables
    return table


def rows(table: Table) -> dict[str, Row]:
    return {row.label: row for row in table.rows}


@pytest.mark.usefixtures("few_replicates")
def test_better_rows_are_significantly_better_than_vanilla_and_worse_ones_than_the_best(record_of: Factory) -> None:
    gains = {"vanilla": 0.0, "good": 0.85, "best": 0.95, "bad": -0.9}
    found = rows(only_table([record_of(name, seed, gain) for name, gain in gains.items() for seed in range(6)]))
    keys = {*PERSPECTIVES, f"{ATTACK} on sst2", DELTA}
    assert found["vanilla"].against_baseline == {}
    assert set(found["good"].against_baseline) == keys
    for key in ("acc_in", "acc_shift", "acc_adv", DELTA):
        good, bad = found["good"].against_baseline[key], found["bad"].against_baseline[key]
        assert good.significant
        assert good.other == "vanilla"
        assert 0 < good.low < good.difference < good.high
        assert bad.significant
        assert bad.low < bad.difference < bad.high < 0
        assert key not in found["best"].against_best
        assert found["vanilla"].against_best[key].other == "best"
        assert found["vanilla"].against_best[key].difference < 0
        assert found["vanilla"].against_best[key].significant
        assert not found["good"].against_best[key].significant


@pytest.mark.usefixtures("few_replicates")
def test_differences_are_those_of_the_table(record_of: Factory) -> None:
    found = rows(only_table([record_of(name, 1, gain) for name, gain in (("vanilla", 0.0), ("roast", 0.2))]))
    for key, comparison in found["roast"].against_baseline.items():
        if key == DELTA:
            assert comparison.difference == pytest.approx(found["roast"].delta)
        else:
            expected = found["roast"].values[key].mean - found["vanilla"].values[key].mean
            assert comparison.difference == pytest.approx(expected)
        assert comparison.low <= comparison.difference <= comparison.high
        assert 0 < comparison.p <= 1


def test_intervals_and_p_by_the_definition(record_of: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the replicates on, everything is done again; the replicates themselves have their own tests."""
    kept: dict[str, Any] = {}
    original = comparisons._resample

    def keep(*given: Any) -> Any:
        kept["resampled"], notes = original(*given)
        return kept["resampled"], notes

    monkeypatch.setattr(comparisons, "_resample", keep)
    records = [
        record_of(name, seed, gain) for name, gain in (("vanilla", 0.0), ("a", 0.1), ("b", 0.3)) for seed in (1, 2)
    ]
    found = rows(only_table(records))
    at = {"a": 0, "b": 1, "vanilla": 2}  # the rows' order before they are ranked
    expected = {}
    weights = seed_weights([1, 2], REPLICATES)

    def varied(of_seed: dict[int, np.ndarray]) -> np.ndarray:
        one, two = of_seed[1][1:], of_seed[2][1:]
        return (one + two) / 2 + weights[0] * one + weights[1] * two

    for label in ("a", "b"):
        of_row, of_vanilla = (varied(kept["resampled"]["acc_shift"][at[name]]) for name in (label, "vanilla"))
        differences = np.round(of_row - of_vanilla, 9)
        p = 2 * (1 + min((differences <= 0).sum(), (differences >= 0).sum())) / (1 + REPLICATES)
        expected[label] = (*np.quantile(differences, [0.025, 0.975]), min(p, 1.0))
    corrected = holm([p for *_, p in expected.values()])
    for (label, (low, high, _)), p in zip(expected.items(), corrected, strict=True):
        comparison = found[label].against_baseline["acc_shift"]
        assert (comparison.low, comparison.high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))
        assert comparison.p == pytest.approx(p, abs=1e-6)

    def delta(label: str) -> np.ndarray:
        found = []
        for key in PERSPECTIVES:
            one, two = (kept["resampled"][key][at[label]][seed] for seed in (1, 2))
            vanilla_one, vanilla_two = (kept["resampled"][key][at["vanilla"]][seed] for seed in (1, 2))
            mean, of_vanilla = (one + two) / 2, (vanilla_one + vanilla_two) / 2
            headroom, sign = (of_vanilla, -1) if key == "ece" else (100 - of_vanilla, 1)
            share = sign * (mean - of_vanilla) / headroom
            deviation = weights[0] * one[1:] + weights[1] * two[1:]
            of_vanillas = weights[0] * vanilla_one[1:] + weights[1] * vanilla_two[1:]
            share[1:] += sign * (deviation - (1 - share[1:]) * of_vanillas) / headroom[1:]
            found.append(share)
        return 100 * np.mean(found, axis=0)

    for label in ("a", "b"):
        comparison = found[label].against_baseline[DELTA]
        differences = delta(label) + comparison.difference - delta(label)[0]
        expected_interval = np.quantile(differences[1:], [0.025, 0.975])
        assert (comparison.low, comparison.high) == pytest.approx(tuple(expected_interval), abs=1e-5)


@pytest.mark.usefixtures("few_replicates")
def test_identical_rows_do_not_differ(record_of: Factory) -> None:
    vanilla = [record_of("vanilla", seed, 0.0) for seed in (1, 2)]
    same = [record.model_copy(update={"cell": record.cell.model_copy(update={"method": "same"})}) for record in vanilla]
    found = rows(only_table([*vanilla, *same]))
    for comparison in [*found["same"].against_baseline.values(), *found["vanilla"].against_best.values()]:
        assert (comparison.difference, comparison.low, comparison.high, comparison.p) == (0.0, 0.0, 0.0, 1.0)
        assert not comparison.significant
    assert set(found["vanilla"].against_best) | set(found["same"].against_best) == set(found["same"].against_baseline)


@pytest.mark.usefixtures("few_replicates")
def test_seeds_vary_the_interval_and_one_seed_does_not(record_of: Factory) -> None:
    def width(spread: float) -> float:
        gains = {1: -spread, 2: 0.0, 3: spread}
        records = [record_of("vanilla", seed, 0.0) for seed in gains]
        records += [record_of("roast", seed, gain) for seed, gain in gains.items()]
        comparison = rows(only_table(records))["roast"].against_baseline["acc_in"]
        return comparison.high - comparison.low

    assert width(0.8) > 1.5 * width(0.0)


def test_however_many_rows_there_are_a_clear_difference_is_significant(
    predicted: Any, predicted_record_factory: Factory
) -> None:
    truth = np.arange(200) % 2
    logits = np.stack([0.5 - truth, truth - 0.5], axis=1)
    anomalies = predicted("anomaly", logits[:50])

    def record(method: str, wrong: int) -> Record:
        sign = np.where(np.arange(200) < wrong, -1.0, 1.0)[:, None]
        return predicted_record_factory(
            method, 1, {"sst2": predicted("in-distribution", sign * logits, truth), "qqp": anomalies}
        )

    table = only_table([record("vanilla", 20), *(record(f"method-{number:02}", 160) for number in range(60))])
    assert all(row.against_baseline["acc_in"].significant for row in table.rows if row.method != "vanilla")
    assert {row.against_baseline["acc_in"].replicates for row in table.rows if row.method != "vanilla"} == {6_100}
    assert any("paired bootstrap of 6,100 replicates" in line for line in legend(table))


@pytest.mark.usefixtures("few_replicates")
def test_one_seed_is_not_tested_beside_several(record_of: Factory) -> None:
    records = [record_of("vanilla", 1, 0.0)]
    records += [record_of(name, seed, gain) for name, gain in (("a", 0.1), ("b", 0.9)) for seed in (1, 2, 3)]
    table = only_table(records)
    found = rows(table)
    assert not_tested(table) == ["Not tested for significance: vanilla (one seed, where others have several)."]
    assert all(row.against_baseline == {} for row in found.values())
    assert found["vanilla"].against_best == {}
    assert found["a"].against_best["acc_in"].other == "b"
    assert any("and, by the t distribution, for 3 seeds" in line for line in legend(table))


@pytest.mark.usefixtures("few_replicates")
def test_a_best_that_is_not_tested_is_named(record_of: Factory) -> None:
    records = [record_of("vanilla", 1, 1.4)]
    records += [record_of(name, seed, gain) for name, gain in (("a", 0.1), ("b", 0.3)) for seed in (1, 2)]
    table = only_table(records)
    (note,) = (note for note in table.notes if note.startswith("Nobody is compared with a best that is not tested: "))
    assert "acc_in (vanilla)" in note
    assert "acc_in" not in rows(table)["a"].against_best


@pytest.mark.usefixtures("few_replicates")
def test_rows_of_other_seeds_are_compared_too(record_of: Factory) -> None:
    records = [record_of("vanilla", seed, 0.0) for seed in range(5)]
    records += [record_of("roast", seed, 0.8) for seed in range(6)]
    found = rows(only_table(records))
    assert found["roast"].incomplete == ()
    assert found["roast"].against_baseline["acc_in"].significant


@pytest.mark.usefixtures("few_replicates")
def test_incomplete_rows_are_not_compared_and_nobody_with_them(record_of: Factory) -> None:
    gains = {"vanilla": (0.0, (1, 2)), "roast": (0.3, (1, 2)), "short": (2.0, (2,))}
    found = rows(only_table([record_of(name, seed, gain) for name, (gain, seeds) in gains.items() for seed in seeds]))
    assert found["short"].incomplete == ("lacks seed 1",)
    assert found["short"].against_baseline == found["short"].against_best == {}
    assert {comparison.other for comparison in found["vanilla"].against_best.values()} == {"roast"}
    without = rows(
        only_table([record_of(name, seed, gains[name][0]) for name in ("vanilla", "roast") for seed in (1, 2)])
    )
    assert found["roast"].against_baseline == without["roast"].against_baseline


@pytest.mark.usefixtures("few_replicates")
def test_another_row_changes_no_interval_and_its_p_only_by_the_correction(record_of: Factory) -> None:
    records = [record_of(name, seed, gain) for name, gain in (("vanilla", 0.0), ("roast", 0.3)) for seed in (1, 2)]
    alone = rows(only_table(records))["roast"].against_baseline
    beside = rows(only_table([*records, *(record_of("sam", seed, 0.0) for seed in (1, 2))]))["roast"].against_baseline
    for key, comparison in alone.items():
        other = beside[key]
        assert (other.difference, other.low, other.high) == (comparison.difference, comparison.low, comparison.high)
        assert comparison.p <= other.p <= min(1.0, 2 * comparison.p) + 1e-6


@pytest.mark.usefixtures("few_replicates")
def test_the_order_of_records_does_not_matter(record_of: Factory) -> None:
    records = [record_of(name, seed, gain) for name, gain in (("vanilla", 0.0), ("roast", 0.3)) for seed in (1, 2, 3)]
    expected = aggregate(records)
    random.Random(0).shuffle(records)
    assert aggregate(records) == expected


@pytest.mark.usefixtures("few_replicates")
def test_without_one_vanilla_rows_are_compared_with_the_best_alone(record_of: Factory) -> None:
    found = rows(only_table([record_of(name, 1, gain) for name, gain in (("sam", 0.0), ("roast", 0.9))]))
    assert found["sam"].against_baseline == found["roast"].against_baseline == {}
    assert found["sam"].against_best["acc_in"].other == "roast"
    assert DELTA not in found["sam"].against_best


@pytest.mark.usefixtures("few_replicates")
def test_a_vanilla_that_is_perfect_in_some_replicates_has_no_interval_of_delta(record_of: Factory) -> None:
    records = [record_of("vanilla", 2, 1.6), record_of("roast", 2, 0.5)]
    wrong = 100 - records[0].scores["acc_in"].value
    assert 0 < wrong < 2, "few enough wrong texts that some replicates draw none of them"
    table = only_table(records)
    found = rows(table)["roast"]
    assert found.delta is not None
    assert DELTA not in found.against_baseline
    assert "acc_in" in found.against_baseline
    assert any(note.startswith("Δ is not tested: in ") for note in table.notes)


def without_logits(record: Record, *names: str) -> Record:
    sets = {
        name: item.model_copy(update={"compact_logits": None}) if name in names else item
        for name, item in record.evaluation_sets.items()
    }
    return record.model_copy(update={"evaluation_sets": sets})


def not_tested(table: Table) -> list[str]:
    return [note for note in table.notes if note.startswith("Not tested for significance: ")]


def test_rows_without_logits_are_not_compared_and_one_note_says_so(record_factory: Factory) -> None:
    table = only_table([record_factory(), record_factory("roast"), record_factory("sam")])
    assert all(row.against_baseline == row.against_best == {} for row in table.rows)
    assert not_tested(table) == [
        "Not tested for significance: all rows (the records hold no single predictions of any set)."
    ]
    assert not_tested(only_table([record_factory()])) == []


@pytest.mark.usefixtures("few_replicates")
def test_a_column_without_logits_is_named(record_of: Factory) -> None:
    records = [record_of(name, seed, 0.0) for name in ("vanilla", "roast", "sam") for seed in (1, 2)]
    table = only_table([without_logits(record, "imdb") for record in records])
    assert not_tested(table) == [
        "Not tested for significance: all rows in acc_shift, ece (the records hold no single predictions of imdb)."
    ]
    assert set(rows(table)["roast"].against_baseline) == {"acc_in", "acc_adv", "auroc", f"{ATTACK} on sst2"}

    table = only_table([without_logits(record, "qqp") if record.cell.method == "sam" else record for record in records])
    assert not_tested(table) == [
        "Not tested for significance: sam in auroc (the records hold no single predictions of qqp)."
    ]
    assert "auroc" not in rows(table)["sam"].against_baseline
    assert DELTA not in rows(table)["sam"].against_baseline
    assert DELTA in rows(table)["roast"].against_baseline


@pytest.mark.usefixtures("few_replicates")
def test_an_attack_without_single_results_is_named(record_of: Factory) -> None:
    records = [record_of(name, 1, 0.0) for name in ("vanilla", "roast")]
    bare = [
        record.model_copy(update={"attacks": (record.attacks[0].model_copy(update={"held_out": None}),)})
        for record in records
    ]
    (note,) = not_tested(only_table(bare))
    assert f"all rows in {ATTACK} (" in note
    assert f"{ATTACK} on sst2" not in rows(only_table(bare))["roast"].against_baseline


@pytest.mark.usefixtures("few_replicates")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": "AAAA"}, "sst2: the compact logits have 3 bytes, not the 300 of the set's rows"),
        ({"logits": "?"}, "sst2: the compact logits are not base64"),
        ({"labels": "/" * 200}, "sst2: the compact labels go up to 255, for 2 classes"),
        ({"labels": None}, "sst2: there are no labels"),
    ],
)
def test_damaged_logits_are_named(record_of: Factory, change: dict[str, Any], message: str) -> None:
    good, bad = record_of("vanilla", 1, 0.0), record_of("roast", 1, 0.0)
    sst2 = bad.evaluation_sets["sst2"]
    broken = sst2.model_copy(update={"compact_logits": sst2.compact_logits.model_copy(update=change)})
    bad = bad.model_copy(update={"evaluation_sets": {**bad.evaluation_sets, "sst2": broken}})
    (note,) = not_tested(only_table([good, record_of("sam", 1, 0.0), bad]))
    assert note.startswith("Not tested for significance: roast")
    assert message in note


@pytest.mark.usefixtures("few_replicates")
def test_logits_that_are_not_those_of_the_scores_are_refused(record_of: Factory, record_factory: Factory) -> None:
    good, bad = record_of("vanilla", 1, 0.0), record_of("roast", 1, 0.0)
    claimed = bad.scores["acc_in"].model_copy(update={"value": 99.0})
    bad = bad.model_copy(update={"scores": {**bad.scores, "acc_in": claimed}})
    table = only_table([good, bad])
    (note,) = not_tested(table)
    assert note.startswith("Not tested for significance: roast (by its single predictions it has acc_in ")
    assert note.endswith(", not 99.00).")
    assert all(row.against_baseline == row.against_best == {} for row in table.rows)


def test_numpy_is_not_imported_where_nothing_can_be_compared() -> None:
    script = """
import sys
sys.path.insert(0, "tests/leaderboard")
from conftest import make_record
from leaderboard.aggregate import aggregate
from leaderboard.layout import legend
from leaderboard.terminal import render_terminal
from leaderboard.csv_table import render_csv
records = [make_record(method, seed) for method in ("vanilla", "roast") for seed in (1, 2)]
board = aggregate(records)
render_terminal(board), render_csv(board)
print(sorted({"numpy", "scipy", "sklearn"} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.stdout == "[]\n", ran.stderr


def test_a_comparison_is_significant_below_one_in_twenty() -> None:
    assert Comparison("vanilla", 1.0, -0.1, 2.0, 0.049, 2_000).significant
    assert not Comparison("vanilla", 1.0, 0.1, 2.0, 0.05, 2_000).significant
