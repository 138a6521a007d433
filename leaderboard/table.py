"""What a leaderboard consists of, before it becomes text or a picture.

Every string in these classes is plain text on one line (see :func:`leaderboard.one_line.one_line`); a rendering
still has to escape it for its own format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from leaderboard.record import Record
from leaderboard.seed_interval import half_width

SIGNIFICANT = 0.05
"""A difference with a smaller p is called significant."""

DELTA = "delta"
"""Stands for Δ where comparisons are keyed by column."""


@dataclass(frozen=True)
class Value:
    """One score of one row, over its seeds."""

    mean: float | None
    """Mean over the seeds, in the column's unit; None when it is undefined for any seed."""
    deviation: float | None
    """Sample standard deviation (n − 1); None with fewer than two seeds."""
    seeds: int
    """Number of seeds that have a value."""

    @property
    def half_width(self) -> float | None:
        """Half the width of the mean's 95 % t interval over the seeds; None with fewer than two."""
        return None if self.deviation is None else half_width(self.deviation, self.seeds)


@dataclass(frozen=True)
class Column:
    """One scored column: a perspective or a live attack."""

    key: str
    """What :attr:`Row.values` is keyed by."""
    name: str
    """Heading; for a live attack it holds the attack's budget."""
    short: tuple[str, ...]
    """The heading in short lines, for narrow places; the budget of an attack is left out."""
    unit: str
    """``percent``, ``nats``, ``queries`` or ``words``."""
    higher_is_better: bool
    covers: tuple[str, ...]
    """Evaluation sets (or live attacks) that the values cover, sorted."""
    on_part: tuple[str, ...]
    """Which of them are partial or sampled, with the rows used, e.g. ``imdb 500 of 25,000 rows``."""


@dataclass(frozen=True)
class Comparison:
    """How one row differs from another in one column, by a paired bootstrap over texts that allows for seeds."""

    other: str
    """Label of the row compared with."""
    difference: float
    """This row's value less the other's, in the column's unit; of Δ, percent."""
    low: float
    """Lower end of the 95 % interval of the difference."""
    high: float
    """Upper end."""
    p: float
    """Two-sided p, Holm-corrected over the rows of the table."""
    replicates: int
    """How many resamplings it rests on."""

    @property
    def significant(self) -> bool:
        """Whether the difference is more than chance."""
        return self.p < SIGNIFICANT


@dataclass(frozen=True)
class Row:
    """One method with one set of hyper-parameters."""

    label: str
    method: str
    hyper_parameters: str
    """JSON object."""
    seeds: tuple[int, ...]
    values: Mapping[str, Value]
    """By :attr:`Column.key`."""
    selected_on_reported: bool
    """Whether the kept epoch was chosen on a set that is reported."""
    delta: float | None = None
    """Average relative improvement over vanilla, percent; None where undefined."""
    rank: float | None = None
    """Mean of the ranks in the five perspectives, 1 is best; None for incomplete rows."""
    cost: float | None = None
    """Training time over vanilla's; None where either is unknown."""
    incomplete: tuple[str, ...] = ()
    """Why the row takes no part in ranks: seeds or perspectives that it lacks; empty for a complete one."""
    against_baseline: Mapping[str, Comparison] = field(default_factory=dict)
    """By column key and `DELTA`; empty for vanilla itself, and where single predictions are not known."""
    against_best: Mapping[str, Comparison] = field(default_factory=dict)
    """The same against the best row of each column; the best row itself has no entry there."""
    records: tuple[Record, ...] = ()
    """What the row is made of, one per seed. Their texts are anybody's: put them through `one_line` and escape."""


@dataclass(frozen=True)
class Table:
    """Rows that may be compared: one task, one backbone, one setting."""

    task: str
    backbone: str
    setting: str
    """Short hash of the setting."""
    suites: tuple[str, ...]
    records: int
    """Number of records that the rows are made of."""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    """By rank, then label; unranked ones last."""
    notes: tuple[str, ...]
    """What a reader must know about the data, Δ and the seeds."""
    versions: str
    """Versions of the packages and the code, and the devices that the records name."""


@dataclass(frozen=True)
class Group:
    """The tables of one task and backbone."""

    task: str
    backbone: str
    tables: tuple[Table, ...]
    differences: tuple[str, ...]
    """What differs between the tables, values in the tables' order; empty for a single table."""


@dataclass(frozen=True)
class FailedCell:
    """A cell that left no scores."""

    task: str
    backbone: str
    method: str
    seed: int
    kind: str
    message: str


@dataclass(frozen=True)
class Leaderboard:
    """All tables and the cells that failed."""

    groups: tuple[Group, ...]
    failures: tuple[FailedCell, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        """Every table, in the order shown."""
        return tuple(table for group in self.groups for table in group.tables)
