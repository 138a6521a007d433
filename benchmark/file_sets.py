"""Evaluation sets that are read from files here: the user's own, and transfer sets."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.lookup import nearest
from tasks import DataError, EvaluationSet, FileSource, Role, Task, TransferSet
from tasks.base import NAME_PATTERN
from tasks.loading import LoadedEvaluation, LoadedTask
from tasks.table_file import check_file

FORM = "write it as NAME=FILE:ROLE or NAME=FILE:ROLE:COLUMNS, such as mine=reviews.csv:shift:text=body,label=stars"

COLUMNS = ("text", "second_text", "label")
"""What can be assigned a column of the file."""

TRAINING = "training data"
"""Key of the training texts' file; no evaluation set can have this name."""


def with_file_sets(task: Task, eval_sets: Sequence[str], transfer_sets: Path | None) -> Task:
    """The task with the user's evaluation sets, and with its transfer sets looked for in the user's folder.

    Args:
        task: the declaration.
        eval_sets: sets to add, each as ``NAME=FILE:ROLE`` or ``NAME=FILE:ROLE:COLUMNS``; COLUMNS says which columns
            of the file are read where they have no customary names: ``text=…,second_text=…,label=…``.
        transfer_sets: folder of the transfer sets; None leaves the default one.

    Raises:
        UserError: a set is not written like this, its name is malformed or taken, its role is unknown, or there is
            no such file or none of a known format.
    """
    sets = list(task.evaluation_sets)
    if transfer_sets is not None:
        sets = [replace(item, source=_in_folder(item.source, transfer_sets)) for item in sets]
    taken = {item.name: f"task {task.name} has a set of that name" for item in sets}
    for written in eval_sets:
        added = _parse(written, task.labels)
        if added.name in taken:
            raise UserError(f"--eval-set {written}: {taken[added.name]}; choose another name than {added.name!r}.")
        taken[added.name] = "two sets are given that name"
        sets.append(added)
    return replace(task, evaluation_sets=tuple(sets))


def file_fingerprints(task: Task) -> dict[str, str]:
    """What identifies the files that a task's evaluation sets are read from.

    Returns:
        Evaluation set → sha256 of its file, and for a `FileSource` how it is read: role and named columns. Sets whose
        file does not exist are left out.

    Raises:
        UserError: a file cannot be read.
    """
    found: dict[str, str] = {}
    for item in task.evaluation_sets:
        source = _innermost(item.source)
        if isinstance(source, FileSource):
            found |= _fingerprint(item.name, source.path, (item.role.value, *_named_columns(source)))
        elif isinstance(source, TransferSet):
            found |= _fingerprint(item.name, source.path, ())
    return found


def training_fingerprint(task: Task) -> dict[str, str]:
    """As `file_fingerprints`, for the training texts, under the key `TRAINING`."""
    source = _innermost(task.training)
    return _fingerprint(TRAINING, source.path, _named_columns(source)) if isinstance(source, FileSource) else {}


def check_pairs(data: LoadedEvaluation) -> None:
    """Refuse labelled sets of pairs in a task of single texts, and the other way round.

    Which of them the task is shows in its training texts, or in its in-distribution test set where nothing is trained.

    Raises:
        UserError: which set, file and columns.
    """
    if isinstance(data, LoadedTask):
        expected, standard = data.training.examples, "training texts"
    else:
        expected = data.evaluation[data.task.in_distribution_test].examples
        standard = f"texts of {data.task.in_distribution_test}"
    pairs = expected.second_texts is not None
    kinds = ("single texts", "pairs")
    for item in data.task.evaluation_sets:
        part = data.evaluation.get(item.name)
        if part is None or not item.role.labelled or (part.examples.second_texts is not None) == pairs:
            continue
        place, remedy = f"holds {kinds[not pairs]}", ""
        source = _innermost(item.source)
        if isinstance(source, FileSource):
            place = f"{source.path}: column {' with '.join(map(repr, source.columns()))} {place}"
            remedy = "; name both columns, text=…,second_text=…" if pairs else "; name the one column to read, text=…"
        raise UserError(
            f"evaluation set {item.name}: {place}; the {standard} of task {data.task.name} are {kinds[pairs]}{remedy}."
        )


def _parse(written: str, labels: tuple[str, ...]) -> EvaluationSet:
    mistake = f"--eval-set {written}:"
    name, equals, rest = written.partition("=")
    file, *parts = rest.split(":")
    if not (equals and name and file and parts):
        raise UserError(f"{mistake} {FORM}.")
    if not NAME_PATTERN.fullmatch(name):
        raise UserError(
            f"{mistake} set name {name!r}: use lower-case letters and digits joined by hyphens, 64 at most."
        )
    roles = [role.value for role in Role]
    if parts[0] not in roles and any(part in roles for part in parts[1:]):
        raise UserError(f"{mistake} a file whose name holds ':' cannot be named here; rename it.")
    if parts[0] not in roles:
        raise UserError(f"{mistake} unknown role {parts[0]!r}; {nearest(parts[0], roles)}")
    if len(parts) > 2:
        raise UserError(f"{mistake} there is a ':' too many (file and column names cannot hold one); {FORM}.")
    role = Role(parts[0])
    columns = _columns(mistake, parts[1]) if parts[1:] else {}
    if "label" in columns and not role.labelled:
        raise UserError(f"{mistake} the labels of an {role.value} set are not read; leave label= out.")
    try:
        source = FileSource(path=Path(file), labels=labels, labelled=role.labelled, **columns)
        check_file(source.path)
    except (DataError, ValueError) as error:
        raise UserError(f"{mistake} {error}") from None
    return EvaluationSet(name=name, role=role, source=source, origin=f"file {source.path.name}", licence="not stated")


def _columns(mistake: str, written: str) -> dict[str, str]:
    columns: dict[str, str] = {}
    for assignment in written.split(","):
        key, equals, column = assignment.partition("=")
        if not (equals and column):
            raise UserError(f"{mistake} {assignment!r} assigns no column; {FORM}.")
        if key not in COLUMNS:
            raise UserError(f"{mistake} {key!r} is nothing that a column is read for; {nearest(key, COLUMNS)}")
        if key in columns:
            raise UserError(f"{mistake} {key} is assigned twice; name one column.")
        columns[key] = column
    return columns


def _named_columns(source: FileSource) -> tuple[str, ...]:
    return tuple(f"{use}={getattr(source, use)}" for use in COLUMNS if getattr(source, use) is not None)


def _fingerprint(name: str, path: Path, how: Sequence[str]) -> dict[str, str]:
    try:
        if not path.is_file():
            return {}
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({os.strerror(error.errno or 0)}).") from None
    return {name: f"{digest} as {', '.join(how)}" if how else digest}


def _innermost(source: Any) -> Any:
    """The source that a part of a source is taken from."""
    while hasattr(source, "source"):
        source = source.source
    return source


def _in_folder(source: Any, folder: Path) -> Any:
    if isinstance(source, TransferSet):
        return replace(source, folder=folder)
    if hasattr(source, "source"):
        return replace(source, source=_in_folder(source.source, folder))
    return source
