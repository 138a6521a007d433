"""What changed between two leaderboards, and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from tabulate import tabulate

from leaderboard.escape_markdown import escape_markdown
from leaderboard.json_document import (
    Document,
    DocumentFailure,
    DocumentGroup,
    DocumentRecord,
    DocumentRow,
    DocumentTable,
)
from leaderboard.layout import UNDEFINED, shown_delta
from leaderboard.one_line import one_line
from leaderboard.record import PERSPECTIVES
from leaderboard.setting import Setting, canonical, differences
from leaderboard.shown_row import arrow, other_differences, shown_rank

Kind = Literal["added", "removed", "moved", "changed", "failed"]
"""Moved: rank or Δ is shown otherwise; changed: only seeds, scores, significance against vanilla or cost are.

Failed: a cell that is no row.
"""

_RowKey = tuple[str, str]
"""Method, and hyper-parameters as JSON."""

_MOST_NAMED = 5
"""Other rows that are named where they moved a row."""


@dataclass(frozen=True)
class RowChange:
    """What became of one row."""

    kind: Kind
    label: str
    method: str
    rank: str
    """As shown; ``before → after`` where it moved."""
    delta: str
    why: tuple[str, ...]
    """At least one reason."""


@dataclass(frozen=True)
class TableChanges:
    """What became of one table."""

    task: str
    backbone: str
    setting: str
    """Empty for the failed cells of a task and backbone, which are in no table."""
    before: str
    """The setting that it had before, where it was another one; else empty."""
    differences: tuple[str, ...]
    """Between the two settings, ``before / after``."""
    rows: tuple[RowChange, ...]


def changes_between(old: Document, new: Document) -> list[TableChanges]:
    """Rows that were added, removed, moved or changed, by table; tables where nothing did are left out.

    A row is the same where method and hyper-parameters are. A table is the same where its setting is; a table of
    another setting that took the place of one (same task and backbone, most rows in common) is compared with it.
    Numbers count as changed where they are shown otherwise, with two decimals.
    """
    before = {(group.task, group.backbone): group for group in old.groups}
    after = {(group.task, group.backbone): group for group in new.groups}
    found = []
    failed = {(cell.task, cell.backbone) for cell in new.failures}
    for task, backbone in sorted({*before, *after, *failed}):
        nothing = DocumentGroup(task=task, backbone=backbone, differences=(), tables=())
        comparison = _GroupComparison(
            before.get((task, backbone), nothing), after.get((task, backbone), nothing), old.failures, new.failures
        )
        found += comparison.tables()
    return [_fit_to_print(table) for table in found]


def selected_changes(
    changes: Iterable[TableChanges],
    *,
    tasks: Sequence[str] | None = None,
    backbones: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
) -> list[TableChanges]:
    """The changes of some tasks, backbones or methods; None stands for all."""
    return [
        replace(table, rows=rows)
        for table in changes
        if (tasks is None or table.task in tasks) and (backbones is None or table.backbone in backbones)
        for rows in [tuple(row for row in table.rows if methods is None or row.method in methods)]
        if rows or (table.differences and methods is None)
    ]


def render_changes(changes: Sequence[TableChanges], width: int = 120) -> str:
    """The changes as plain text for a terminal, without a line break at the end."""
    parts = [_summary(changes)]
    for table in changes:
        lines = [_title(table), *(f"  the setting: {line}" for line in table.differences)]
        for row in table.rows:
            text = f"{row.kind} {row.label}: rank {row.rank}, Δ {row.delta}; {'; '.join(row.why)}"
            lines.append(textwrap.fill(text, width, initial_indent="  ", subsequent_indent="    "))
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def render_changes_markdown(changes: Sequence[TableChanges]) -> str:
    """The changes as a Markdown document, with a line break at its end."""
    parts = ["# Changes", escape_markdown(_summary(changes))]
    for table in changes:
        parts.append(f"## {escape_markdown(_title(table))}")
        if table.differences:
            lines = "\n".join(f"- {escape_markdown(line)}" for line in table.differences)
            parts.append(f"The setting changed, before / after:\n\n{lines}")
        if table.rows:
            parts.append(
                tabulate(
                    [
                        [row.kind, escape_markdown(row.label), row.rank, row.delta, escape_markdown("; ".join(row.why))]
                        for row in table.rows
                    ],
                    headers=["change", "row", "rank", "Δ %", "why"],
                    tablefmt="github",
                    disable_numparse=True,
                )
            )
    return "\n\n".join(parts) + "\n"


class _GroupComparison:
    """The tables of one task and backbone, before and after."""

    def __init__(
        self,
        old: DocumentGroup,
        new: DocumentGroup,
        failed_before: Iterable[DocumentFailure],
        failed_after: Iterable[DocumentFailure],
    ):
        self._old, self._new = old, new
        self._failed_before, self._failed_after = (
            {
                (cell.method, cell.seed): cell.kind
                for cell in failures
                if (cell.task, cell.backbone) == (new.task, new.backbone)
            }
            for failures in (failed_before, failed_after)
        )

    def tables(self) -> list[TableChanges]:
        compared = [self._table(old, new) for old, new in self._pairs()]
        return [table for table in (*compared, self._newly_failed()) if table.rows or table.differences]

    def _newly_failed(self) -> TableChanges:
        kinds = {cell: kind for cell, kind in self._failed_after.items() if cell not in self._failed_before}
        rows = tuple(
            RowChange("failed", method, method, UNDEFINED, UNDEFINED, (f"{kind}: seed {seed}",))
            for (method, seed), kind in sorted(kinds.items())
        )
        return TableChanges(self._new.task, self._new.backbone, setting="", before="", differences=(), rows=rows)

    def _pairs(self) -> list[tuple[DocumentTable | None, DocumentTable | None]]:
        """Tables that belong together, in the order of the new ones; those that are gone last."""
        left = {table.setting: table for table in self._old.tables}
        partner = {table.setting: left.pop(table.setting, None) for table in self._new.tables}
        for table in self._new.tables:
            if partner[table.setting] is None:
                rows = {_key(row) for row in table.rows}
                common = {setting: len(rows & {_key(row) for row in other.rows}) for setting, other in left.items()}
                most = max(common, key=lambda setting: common[setting], default=None)
                if most is not None and common[most]:
                    partner[table.setting] = left.pop(most)
        return [
            *((partner[table.setting], table) for table in self._new.tables),
            *((old, None) for old in left.values()),
        ]

    def _table(self, old: DocumentTable | None, new: DocumentTable | None) -> TableChanges:
        old_rows = {_key(row): row for row in old.rows} if old else {}
        new_rows = {_key(row): row for row in new.rows} if new else {}
        one = new or old
        assert one is not None
        other_setting = old is not None and new is not None and old.setting != new.setting
        changed = _setting_differences(old, new) if old and new and other_setting else ()
        own = {
            key: _own_causes(old_rows[key], row, self._failed_after, other_setting)
            for key, row in new_rows.items()
            if key in old_rows
        }
        lower_is_better = frozenset(column.key for column in one.columns if not column.higher_is_better)
        rows: list[RowChange] = []
        elsewhere = [
            *(f"{row.label} (new)" for key, row in new_rows.items() if key not in old_rows),
            *(f"{row.label} (gone)" for key, row in old_rows.items() if key not in new_rows),
            *(f"{row.label} (its records changed)" for key, row in new_rows.items() if own.get(key)),
        ]
        for key, row in new_rows.items():
            if key not in old_rows:
                why = self._why_added(row, new) if new else ()
                rows.append(RowChange("added", row.label, row.method, shown_rank(row), shown_delta(row.delta), why))
                continue
            causes = [*(["the setting changed"] if other_setting else []), *own[key]]
            if (change := _moved(old_rows[key], row, causes, elsewhere, lower_is_better)) is not None:
                rows.append(change)
        for key, row in old_rows.items():
            if key not in new_rows:
                why = self._why_removed(row, old) if old else ()
                rows.append(RowChange("removed", row.label, row.method, shown_rank(row), shown_delta(row.delta), why))
        return TableChanges(
            task=self._new.task,
            backbone=self._new.backbone,
            setting=one.setting,
            before=old.setting if old and other_setting else "",
            differences=changed,
            rows=tuple(rows),
        )

    def _why_added(self, row: DocumentRow, table: DocumentTable) -> tuple[str, ...]:
        for other in self._old.tables:
            for was in other.rows:
                if _key(was) == _key(row) and other.setting != table.setting and not _holds(self._new, other, row):
                    what = "; ".join(_setting_differences(other, table))
                    return (f"its setting changed, it was in {other.setting} (before / after: {what})",)
        seeds = [record.seed for record in row.records]
        failed = [seed for seed in seeds if (row.method, seed) in self._failed_before]
        again = f", of which {_seeds(failed)} had failed" if failed else ""
        return (f"new {'record' if len(seeds) == 1 else 'records'} of {_seeds(seeds)}{again}",)

    def _why_removed(self, row: DocumentRow, table: DocumentTable) -> tuple[str, ...]:
        for other in self._new.tables:
            for now in other.rows:
                if _key(now) == _key(row) and other.setting != table.setting and not _holds(self._old, other, row):
                    what = "; ".join(_setting_differences(table, other))
                    return (f"its setting changed, it is in {other.setting} now (before / after: {what})",)
        return (_gone(row.method, [record.seed for record in row.records], self._failed_after),)


def _holds(group: DocumentGroup, like: DocumentTable, row: DocumentRow) -> bool:
    """Whether a group has a table of the same setting, and the same row in it."""
    return any(table.setting == like.setting and _key(row) in map(_key, table.rows) for table in group.tables)


def _moved(
    old: DocumentRow,
    new: DocumentRow,
    causes: Sequence[str],
    elsewhere: Sequence[str],
    lower_is_better: frozenset[str],
) -> RowChange | None:
    """What became of a row that is in both; None where nothing is shown otherwise."""
    moved = (shown_rank(old), shown_delta(old.delta)) != (shown_rank(new), shown_delta(new.delta))
    shown = other_differences(old, new, lower_is_better)
    if not moved and not shown and old.seeds == new.seeds:
        return None
    if not causes:
        more = f" and {len(elsewhere) - _MOST_NAMED} more" if len(elsewhere) > _MOST_NAMED else ""
        causes = [
            f"its records are the same; other rows moved it: {', '.join(elsewhere[:_MOST_NAMED])}{more}"
            if elsewhere and old.values == new.values
            else "its records are the same, but were aggregated otherwise"
        ]
    return RowChange(
        kind="moved" if moved else "changed",
        label=new.label,
        method=new.method,
        rank=arrow(shown_rank(old), shown_rank(new)),
        delta=arrow(shown_delta(old.delta), shown_delta(new.delta)),
        why=(*causes, *shown),
    )


def _own_causes(
    old: DocumentRow, new: DocumentRow, failed: Mapping[tuple[str, int], str], other_setting: bool
) -> list[str]:
    """What happened to the records of one row."""
    before = {record.seed: record for record in old.records}
    after = {record.seed: record for record in new.records}
    causes = []
    if added := sorted(after.keys() - before.keys()):
        causes.append(f"new {'record' if len(added) == 1 else 'records'} of {_seeds(added)}")
    if removed := sorted(before.keys() - after.keys()):
        causes.append(_gone(new.method, removed, failed))
    by_cause: dict[str, list[int]] = {}
    for seed in sorted(before.keys() & after.keys()):
        if before[seed] != after[seed]:
            by_cause.setdefault(_replacement(before[seed], after[seed], other_setting), []).append(seed)
    return causes + [f"{cause}: {_seeds(seeds)}" for cause, seeds in by_cause.items() if cause]


def _replacement(before: DocumentRecord, after: DocumentRecord, other_setting: bool) -> str:
    """Why one seed has other scores; empty where the setting says it all."""
    if _code(before) != _code(after):
        return f"run by roast-bench {_code(after)} instead of {_code(before)}"
    if before.config_hash != after.config_hash:
        return "" if other_setting else "run in another configuration"
    if before.started != after.started:
        return "run again"
    return "rescored" if before.values != after.values else "written again"


def _gone(method: str, seeds: Sequence[int], failed: Mapping[tuple[str, int], str]) -> str:
    """Where records went."""
    gone = f"{'record' if len(seeds) == 1 else 'records'} of {_seeds(seeds)} {'is' if len(seeds) == 1 else 'are'} gone"
    of_method = [seed for seed in seeds if (method, seed) in failed]
    if not of_method:
        return gone
    kinds = ", ".join(sorted({failed[method, seed] for seed in of_method}))
    # Failed cells do not say which hyper-parameters they had.
    return f"{gone}; cells of the method failed ({kinds}): {_seeds(of_method)}"


def _setting_differences(old: DocumentTable, new: DocumentTable) -> tuple[str, ...]:
    found = differences([_setting(old), _setting(new)])
    return tuple(found) or ("in what is too long to be shown",)


def _setting(table: DocumentTable) -> Setting:
    return Setting(
        id=table.setting,
        configuration=table.configuration,
        data={name: (data.sha256, data.rows) for name, data in table.data.items()},
        covers={key: table.covers.get(key, ()) for key in PERSPECTIVES},
        attacks=table.attacks,
    )


def _key(row: DocumentRow) -> _RowKey:
    return row.method, canonical(row.hyper_parameters)


def _code(record: DocumentRecord) -> str:
    details = [record.commit[:10]] if record.commit else []
    details += ["uncommitted changes"] if record.dirty else []
    return f"{record.version} ({', '.join(details)})" if details else record.version


def _fit_to_print(table: TableChanges) -> TableChanges:
    """Each text on one line: a document that is compared with may come from anybody."""
    return replace(
        table,
        task=one_line(table.task),
        backbone=one_line(table.backbone),
        setting=one_line(table.setting),
        before=one_line(table.before),
        differences=tuple(one_line(line, 400) for line in table.differences),
        rows=tuple(
            replace(
                row,
                label=one_line(row.label),
                method=one_line(row.method),
                why=tuple(one_line(reason, 800) for reason in row.why),
            )
            for row in table.rows
        ),
    )


def _seeds(seeds: Sequence[int]) -> str:
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"


def _title(table: TableChanges) -> str:
    before = f" (was {table.before})" if table.before else ""
    what = f"setting {table.setting}{before}" if table.setting else "failed cells"
    return f"{table.task}, {table.backbone}, {what}"


def _summary(changes: Sequence[TableChanges]) -> str:
    kinds = [row.kind for table in changes for row in table.rows]
    counts = [f"{kinds.count(kind)} {kind}" for kind in get_args(Kind) if kind in kinds]
    settings = sum(bool(table.differences) for table in changes)
    counts += [f"{settings} {'setting' if settings == 1 else 'settings'} changed"] if settings else []
    return f"Rows: {', '.join(counts)}." if counts else "Nothing changed."
