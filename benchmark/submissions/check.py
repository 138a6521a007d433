"""All checks of a submission, in order, the first problem of each record kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import UserError
from benchmark.rescoring import records_below
from benchmark.submissions.attacked_texts import check_attacks
from benchmark.submissions.data import Loaded, check_data, check_data_here, check_labels_here
from benchmark.submissions.files import check_all_named, check_sizes, unexpected_files
from benchmark.submissions.identity import check_identity
from benchmark.submissions.origin import check_origin
from benchmark.submissions.problem import Problem
from benchmark.submissions.scores import check_scores
from benchmark.submissions.strict_json import read_strictly
from benchmark.submissions.submission import Submission
from benchmark.submissions.together import SideBySide
from benchmark.submissions.values import check_values
from leaderboard.record import Record, RecordError, read_record


@dataclass(frozen=True)
class Checked:
    """What became of the records."""

    accepted: tuple[Path, ...]
    refused: dict[Path, str]
    """Record or other file → the first thing wrong with it."""


def find_submitted(folders: Sequence[Path]) -> list[Path]:
    """Records below the folders.

    Raises:
        UserError: a folder holds none.
    """
    for folder in folders:
        if folder.is_symlink():
            raise UserError(
                f"{folder}: is a link, and links are not followed; name a folder that `roast-bench run` wrote to."
            )
    return records_below(folders)


def check_submission(
    folders: Sequence[Path], *, mirror: Path | None, without_logits: bool, on_record: Callable[[], None]
) -> Checked:
    """Check every record below the folders and every file beside them; none is changed.

    Args:
        folders: what was submitted.
        mirror: to compare the fingerprints of all data with; None is not compared.
        without_logits: accept records without files of logits and attacked texts, as published ones.
        on_record: called after each record.

    Raises:
        UserError: a folder holds no record.
    """
    records = find_submitted(folders)
    refused: dict[Path, str] = {}
    for folder in folders:
        refused |= unexpected_files(folder)
    side_by_side = SideBySide()
    loaded: Loaded = {}
    accepted = []
    for path in records:
        if path not in refused:
            try:
                submission = Submission(path, _read(path))
                check_origin(submission)
                check_identity(submission)
                check_data(submission)
                if mirror is not None:
                    check_data_here(submission, mirror, loaded)
                check_sizes(submission)
                check_scores(submission, without_logits=without_logits)
                if mirror is not None:
                    check_labels_here(submission, mirror, loaded)
                check_attacks(submission, without_texts=without_logits)
                check_all_named(submission)
                check_values(submission)
                side_by_side.check(submission)
                accepted.append(path)
            except Problem as problem:
                refused[path] = str(problem)
        on_record()
    return Checked(tuple(accepted), refused)


def _read(path: Path) -> Record:
    read_strictly(path)
    try:
        return read_record(path)
    except RecordError as error:
        raise Problem(str(error).removeprefix(f"{path}: ").rstrip(".")) from None
