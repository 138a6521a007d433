"""Whether a record's scores are what its logits give."""

from __future__ import annotations

from benchmark.errors import UserError
from benchmark.path_inside import path_inside
from benchmark.rescoring import compute_scores
from benchmark.scoring import perspectives
from benchmark.stored_logits import read_logits
from benchmark.submissions.compact_scores import check_compact_scores
from benchmark.submissions.compared_scores import compare_scores
from benchmark.submissions.problem import Problem
from benchmark.submissions.submission import Submission
from leaderboard.compact_logits import compact
from leaderboard.record import Record
from tasks import Role

_LOGITS = "the logits"

_OTHER_SETS = "set_scores: does not have the scores of exactly the sets in evaluation_sets"


def check_scores(submission: Submission, *, without_logits: bool) -> None:
    """All scores follow from the stored logits; where they may be missing, those of sets from the compact ones, nearly.

    Args:
        submission: what to check.
        without_logits: accept a record whose files of logits are not there, as published ones.

    Raises:
        Problem: a score does not follow, or cannot be computed.
    """
    record, folder = submission.record, submission.folder
    files = {name: path_inside(folder, item.logits or "") for name, item in record.evaluation_sets.items()}
    if without_logits and not any(file is not None and file.exists() for file in files.values()):
        if record.set_scores.keys() != record.evaluation_sets.keys():
            raise Problem(_OTHER_SETS)
        check_compact_scores(record)
        _check_means(record)
        return
    try:
        set_scores, scores = compute_scores(record, folder)
    except UserError as error:
        raise Problem(str(error).rstrip(".")) from None
    except ValueError as error:
        raise Problem(str(error)) from None
    compare_scores("scores", record.scores, scores, _LOGITS)
    if record.set_scores.keys() != set_scores.keys():
        raise Problem(_OTHER_SETS)
    for name, found in set_scores.items():
        compare_scores(f"set_scores.{name}", record.set_scores[name], found, _LOGITS)
    for name, item in record.evaluation_sets.items():
        file = files[name]
        assert file is not None  # or there had been no scores
        logits, labels = read_logits(file)
        expected = compact(logits, None if labels is None else labels.tolist())
        if item.compact_logits != expected:
            raise Problem(f"evaluation_sets.{name}.compact_logits are not those of {item.logits}")


def _check_means(record: Record) -> None:
    roles = {name: Role(item.role) for name, item in record.evaluation_sets.items()}
    try:
        found = perspectives(roles, record.set_scores, record.attacks)
    except KeyError as error:
        raise Problem(f"set_scores: a score of {error} is missing") from None
    compare_scores("scores", record.scores, found, _LOGITS)
