"""What the columns of a table cover, and on how much of the data."""

from __future__ import annotations

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from leaderboard.one_line import one_line
from leaderboard.record import PERSPECTIVES, AttackResult, DataFingerprint, Record
from leaderboard.table import Column

_SHORT_WIDTH = 16
"""Characters in a line of a short heading."""


def attack_key(attack: AttackResult) -> str:
    """Key of a live attack's column; the same budget against two evaluation sets makes two columns."""
    return f"{attack.column} on {attack.evaluation_set}"


def columns_of(records: Sequence[Record]) -> tuple[Column, ...]:
    """The five perspectives, then the live attacks that have a column of their own.

    ``acc_adv`` covers static adversarial sets where a task has them. Where it covers live attacks instead, their
    budget becomes part of its heading; a single such attack then needs no second column.

    Args:
        records: finished records of one setting, at least one.
    """
    first = records[0]
    in_acc_adv = first.scores["acc_adv"].sets
    attacks = [
        attack
        for attack in sorted(first.attacks, key=attack_key)
        if not (len(first.attacks) == 1 and in_acc_adv == (attack.column,))
    ]
    parts = _parts(records)
    names = Counter(attack.column for attack in attacks)
    columns = [_perspective_column(key, first, parts) for key in PERSPECTIVES]
    columns += [_attack_column(attack, names[attack.column] > 1, parts) for attack in attacks]
    return _with_distinct_short_headings(columns)


def data_notes(records: Sequence[Record]) -> list[str]:
    """Lines on sampled or partial training data, missing sets and texts cut at the maximum length."""
    notes = []
    trained = [
        _part(name, used)
        for record in records
        for name, used in record.training_data.items()
        if used.sampled or used.partial
    ]
    if trained:
        notes.append(f"Trained on part of the data: {_joined(trained)}.")
    missing: dict[str, str] = {}
    for record in records:
        for name, why in record.missing_sets.items():
            missing[name] = min(missing.get(name, why), why)
    if missing:
        listed = [f"{one_line(name)} ({one_line(why).rstrip('.')})" for name, why in sorted(missing.items())]
        notes.append(f"Missing sets: {', '.join(listed)}.")
    cut = [
        f"{one_line(name)} {data.truncated:,} of {data.rows:,}"
        for record in records
        for name, data in record.evaluation_sets.items()
        if data.truncated
    ]
    if cut:
        notes.append(f"Texts cut at the maximum length: {_joined(cut)}.")
    return notes


def _perspective_column(key: str, record: Record, parts: Mapping[str, set[str]]) -> Column:
    score = record.scores[key]
    covers = sorted(score.sets)
    # What is no evaluation set is a live attack, also where the attack itself left no result.
    live = [name for name in covers if name not in record.evaluation_sets] if key == "acc_adv" else []
    attacks = [attack for attack in record.attacks if {attack.column, attack_key(attack)} & set(live)]
    named = {name for attack in attacks for name in (attack.column, attack_key(attack))}
    covered = [name for name in covers if name not in named]
    name, short = key, [key]
    if live:
        static = ["static sets"] if len(live) < len(covers) else []
        name = f"{key}: {' + '.join(static + live)}"
        short = [f"{key}:", *static, *(_short_attacks(attacks) or textwrap.wrap(" + ".join(live), _SHORT_WIDTH))]
    covered += [attack_key(attack) for attack in attacks]
    return Column(
        key=key,
        name=one_line(name, 400),
        short=tuple(one_line(line) for line in short),
        unit=score.unit,
        higher_is_better=score.higher_is_better,
        covers=tuple(one_line(text) for text in sorted(covered)),
        on_part=_on_part(covered, parts),
    )


def _attack_column(attack: AttackResult, name_the_set: bool, parts: Mapping[str, set[str]]) -> Column:
    score = attack.accuracy_under_attack
    key = attack_key(attack)
    return Column(
        key=key,
        name=one_line(key if name_the_set else attack.column, 400),
        short=tuple(one_line(line) for line in _short_attacks([attack], name_the_set)),
        unit=score.unit,
        higher_is_better=score.higher_is_better,
        covers=(one_line(attack.evaluation_set),),
        on_part=_on_part([key], parts),
    )


def _short_attacks(attacks: Iterable[AttackResult], name_the_set: bool = False) -> list[str]:
    lines = []
    for attack in sorted(attacks, key=attack_key):
        lines += [attack.recipe, f"{attack.examples} texts"]
        lines += [f"on {attack.evaluation_set}"] if name_the_set else []
    return lines


def _with_distinct_short_headings(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Full headings, wrapped, where short ones would say the same of two columns."""
    times = Counter(column.short for column in columns)
    return tuple(
        replace(column, short=tuple(textwrap.wrap(column.name, _SHORT_WIDTH))) if times[column.short] > 1 else column
        for column in columns
    )


def _parts(records: Iterable[Record]) -> dict[str, set[str]]:
    """Evaluation set or attack's key → what is partial about it, over all records."""
    parts: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for name, used in record.evaluation_sets.items():
            if used.sampled or used.partial:
                parts[name].add(_part(name, used))
        for attack in record.attacks:
            attacked = record.evaluation_sets.get(attack.evaluation_set)
            if attacked and (attack.examples < attacked.rows_available or attacked.partial):
                used_rows = f"{attack.examples:,} of {attacked.rows_available:,} rows{_source(attacked)}"
                what = f"{one_line(attack.recipe)} on {one_line(attack.evaluation_set)}"
                parts[attack_key(attack)].add(f"{what} {used_rows}")
    return parts


def _part(name: str, used: DataFingerprint) -> str:
    of = f" of {used.rows_available:,}" if used.sampled else ""
    return f"{one_line(name)} {used.rows:,}{of} rows{_source(used)}"


def _source(used: DataFingerprint) -> str:
    return " of a partial source" if used.partial else ""


def _on_part(covered: Iterable[str], parts: Mapping[str, set[str]]) -> tuple[str, ...]:
    return tuple(sorted(part for name in covered for part in parts.get(name, ())))


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(sorted(set(parts)))
