"""Compares the rows of a table with vanilla and with the best, column by column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from leaderboard.record import PERSPECTIVES
from leaderboard.significance.column_sources import Source, half_precision_error, sources_of
from leaderboard.significance.holm import holm
from leaderboard.significance.testable import testable_rows
from leaderboard.table import DELTA, Column, Comparison, Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leaderboard.significance.paired_bootstrap import Scores

REPLICATES = 2_000

REPLICATES_A_ROW = 100
"""The smallest p is 2 / (1 + replicates), times the number of rows by Holm: it has to stay well below 0.05."""

MOST_UNDEFINED = 0.05
"""Share of replicates without a Δ from which on Δ is not compared."""

_DECIMALS = 6

_Resampled = dict[str, dict[int, dict[int, "NDArray[np.float64]"]]]
"""Column key → row's position → seed → values, (1 + replicates,); the first on the texts as they are."""


def with_comparisons(
    rows: Sequence[Row], columns: Sequence[Column], baseline: str, replicates: int | None = None
) -> tuple[list[Row], list[str]]:
    """The rows with their comparisons, by a paired bootstrap over texts and seeds.

    In each replicate, the texts of each evaluation set are drawn with replacement, the same ones for all rows
    (:mod:`leaderboard.significance.paired_bootstrap`), every column is computed again, Δ included, and means over
    seeds deviate as those of so many seeds do (:func:`leaderboard.significance.draws.seed_weights`). The interval is
    the percentile interval of the differences, moved so that the difference on the texts as they are is the one in
    the table: the resampled scores come from logits in half precision. It is not adjusted for the number of rows; the
    p-values are, by Holm's method over the compared rows of a column. Replicates in which vanilla is perfect have no Δ
    and are left out of it; where they are more than one in twenty, Δ is not compared.

    Incomplete rows are not compared, but a baseline stays what others are compared with. Nor are rows of one seed where
    others have several. The best of a column is the complete row with the best mean, the first by label among equals.

    Args:
        rows: of one table, with Δ and with what they lack.
        columns: of the table.
        baseline: method to compare with, where exactly one row is of it.
        replicates: how many; by default `REPLICATES`, or `REPLICATES_A_ROW` for each row where those are more.

    Returns:
        The rows in their order, and notes on what cannot be compared. NumPy is imported only where two rows can be.
    """
    baselines = [at for at, row in enumerate(rows) if row.method == baseline]
    reference = baselines[0] if len(baselines) == 1 else None
    candidates = [at for at, row in enumerate(rows) if not row.incomplete or at == reference]
    compared, notes = _with_known_spread(rows, candidates)
    if len(compared) < 2:
        return list(rows), notes
    replicates = replicates or max(REPLICATES, REPLICATES_A_ROW * len(compared))
    sources = {column.key: sources_of(rows[compared[0]].records[0], column) for column in columns}
    testable, more_notes = testable_rows([rows[at] for at in compared], columns, sources)
    notes += more_notes
    if not testable:
        return list(rows), notes
    from leaderboard.significance.paired_bootstrap import vary_seeds

    positions = {key: [compared[place] for place in places] for key, places in testable.items()}
    resampled, more_notes = _resample(rows, columns, sources, positions, replicates)
    notes += more_notes
    result = list(rows)
    untested_best = []
    for column in columns:
        varied = {at: vary_seeds(of_seed) for at, of_seed in resampled.get(column.key, {}).items()}
        best = _compare(result, column.key, varied, reference, replicates, higher_is_better=column.higher_is_better)
        if varied and best is not None and best not in varied:
            untested_best.append(f"{column.name} ({rows[best].label})")
    if untested_best:
        notes.append(f"Nobody is compared with a best that is not tested: {', '.join(untested_best)}.")
    if reference is not None:
        deltas, more_notes = _deltas(resampled, rows, columns, reference)
        notes += more_notes
        _compare(result, DELTA, deltas, reference, replicates, higher_is_better=True)
    return result, notes


def _with_known_spread(rows: Sequence[Row], positions: Sequence[int]) -> tuple[list[int], list[str]]:
    """Without the rows of one seed where others have several: nobody knows how far their means deviate; and a note."""
    if all(len(rows[at].seeds) == 1 for at in positions):
        return list(positions), []
    single = sorted(rows[at].label for at in positions if len(rows[at].seeds) == 1)
    several = [at for at in positions if len(rows[at].seeds) > 1]
    why = "one seed, where others have several"
    return several, [f"Not tested for significance: {', '.join(single)} ({why})."] if single else []


def _resample(
    rows: Sequence[Row],
    columns: Sequence[Column],
    sources: Mapping[str, tuple[Source, ...]],
    testable: Mapping[str, Sequence[int]],
    replicates: int,
) -> tuple[_Resampled, list[str]]:
    """The columns of the testable rows, and notes on rows whose logits are not those that their scores are of."""
    import numpy as np

    scores = _scores(rows, sources, testable, replicates)
    resampled: _Resampled = {}
    wrong: dict[int, str] = {}
    for column in columns:
        of_column = sources[column.key]
        for at in testable.get(column.key, ()):
            of_seed = {
                record.cell.seed: np.mean([of_record[source] for source in of_column], axis=0)
                for record, of_record in zip(rows[at].records, scores[at], strict=True)
            }
            found_mean = float(np.mean([values[0] for values in of_seed.values()]))
            mean = rows[at].values[column.key].mean
            assert mean is not None
            if abs(found_mean - mean) > max(
                half_precision_error(record, source) for record in rows[at].records for source in of_column
            ):
                found = f"{column.name} {found_mean:.2f}, not {mean:.2f}"
                wrong.setdefault(at, f"{rows[at].label} (by its single predictions it has {found})")
            resampled.setdefault(column.key, {})[at] = of_seed
    kept = {key: {at: found for at, found in of.items() if at not in wrong} for key, of in resampled.items()}
    return kept, [f"Not tested for significance: {'; '.join(wrong[at] for at in sorted(wrong))}."] if wrong else []


def _scores(
    rows: Sequence[Row],
    sources: Mapping[str, tuple[Source, ...]],
    testable: Mapping[str, Sequence[int]],
    replicates: int,
) -> dict[int, list[Scores]]:
    """Row's position → what each of its records scores in each replicate."""
    from leaderboard.significance.paired_bootstrap import resample_texts

    # As a rule the same rows are testable in all columns; then the draws are made once.
    columns_of: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for key, positions in testable.items():
        columns_of[tuple(positions)].append(key)
    scores: dict[int, list[Scores]] = {}
    for positions, keys in columns_of.items():
        owners = [at for at in positions for _ in rows[at].records]
        records = [record for at in positions for record in rows[at].records]
        wanted = dict.fromkeys(source for key in keys for source in sources[key])
        found: dict[int, list[Scores]] = defaultdict(list)
        for at, of_record in zip(owners, resample_texts(records, list(wanted), replicates), strict=True):
            found[at].append(of_record)
        for at, of_records in found.items():
            before = scores.get(at, [{} for _ in of_records])
            scores[at] = [{**old, **new} for old, new in zip(before, of_records, strict=True)]
    return scores


def _deltas(
    resampled: _Resampled, rows: Sequence[Row], columns: Sequence[Column], reference: int
) -> tuple[dict[int, NDArray[np.float64]], list[str]]:
    """Δ of the rows that have all five perspectives, where the reference has them; a note where it fails.

    Returns:
        Row's position → Δ as :func:`vary_seeds` returns a score, but for the replicates without a Δ.
    """
    import numpy as np

    from leaderboard.significance.resampled_delta import resampled_delta

    five = [column for column in columns if column.key in PERSPECTIVES]
    lower_is_better = frozenset(column.key for column in five if not column.higher_is_better)
    testable = [
        at
        for at in range(len(rows))
        if rows[at].delta is not None and all(at in resampled.get(column.key, {}) for column in five)
    ]
    if reference not in testable:
        return {}, []
    scores = {at: {column.key: resampled[column.key][at] for column in five} for at in testable}
    deltas = {at: resampled_delta(scores[at], scores[reference], lower_is_better) for at in testable}
    defined = np.isfinite(deltas[reference])
    share = 1.0 - float(defined[1:].mean())
    if share > MOST_UNDEFINED or not defined[0]:
        label = rows[reference].label
        return {}, [f"Δ is not tested: in {share:.0%} of the replicates {label} is already perfect somewhere."]
    return {at: delta[defined] for at, delta in deltas.items()}, []


def _compare(
    rows: list[Row],
    key: str,
    resampled: Mapping[int, NDArray[np.float64]],
    reference: int | None,
    replicates: int,
    *,
    higher_is_better: bool,
) -> int | None:
    """Add to the rows their comparisons in one column; the position of its best row, where anything competes."""
    shown = {at: value for at, row in enumerate(rows) if not row.incomplete and (value := _shown(row, key)) is not None}
    if reference is not None and reference in resampled:
        others = [at for at in resampled if at != reference]
        for at, comparison in _against(rows, key, resampled, others, reference, replicates).items():
            rows[at] = replace(rows[at], against_baseline={**rows[at].against_baseline, key: comparison})
    if not shown:
        return None
    sign = -1.0 if higher_is_better else 1.0
    best = min(shown, key=lambda at: (round(sign * shown[at], 9), rows[at].label, rows[at].hyper_parameters))
    if best in resampled:
        others = [at for at in resampled if at != best and at in shown]
        for at, comparison in _against(rows, key, resampled, others, best, replicates).items():
            rows[at] = replace(rows[at], against_best={**rows[at].against_best, key: comparison})
    return best


def _against(
    rows: Sequence[Row],
    key: str,
    resampled: Mapping[int, NDArray[np.float64]],
    positions: Sequence[int],
    other: int,
    replicates: int,
) -> dict[int, Comparison]:
    """Each of some rows compared with another one; their p-values are corrected together."""
    from leaderboard.significance.paired_bootstrap import interval_and_p

    found = []
    for at in positions:
        value, other_value = _shown(rows[at], key), _shown(rows[other], key)
        assert value is not None
        assert other_value is not None
        difference = round(value - other_value, 9)
        differences = resampled[at] - resampled[other]
        found.append((difference, *interval_and_p(differences[1:] + (difference - differences[0]))))
    corrected = holm([p for *_, p in found])
    return {
        at: Comparison(
            other=rows[other].label,
            difference=difference + 0.0,  # + 0.0 turns −0.0 into 0.0
            low=round(low, _DECIMALS) + 0.0,
            high=round(high, _DECIMALS) + 0.0,
            p=round(p, _DECIMALS),
            replicates=replicates,
        )
        for at, (difference, low, high, _), p in zip(positions, found, corrected, strict=True)
    }


def _shown(row: Row, key: str) -> float | None:
    """What the table shows."""
    return row.delta if key == DELTA else row.values[key].mean
