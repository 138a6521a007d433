"""What only shows when records are looked at side by side."""

from __future__ import annotations

from benchmark.planned import hash_of
from benchmark.submissions.labels import digest_of_labels, labels_of
from benchmark.submissions.problem import Problem
from benchmark.submissions.submission import Submission


class SideBySide:
    """Remembers every record of a submission, to compare the next one with."""

    def __init__(self) -> None:
        self._data: dict[tuple[str, str], tuple[str, str | None, str]] = {}
        self._logits: dict[str, tuple[str, str]] = {}
        self._cells: dict[str, str] = {}

    def check(self, submission: Submission) -> None:
        """Not the same cell twice, nor the logits of another, and the texts and labels of others of its setting.

        Raises:
            Problem: it is so; the message names the other record.
        """
        record, place = submission.record, str(submission.path)
        other = self._cells.setdefault(record.cell.config_hash, place)
        if other != place:
            raise Problem(f"is the same cell as {other}")
        # Not the files' hashes alone: the same logits can be packed in other ways.
        logits = {
            name: item.compact_logits.logits if item.compact_logits else item.logits_sha256
            for name, item in record.evaluation_sets.items()
        }
        what = f"{record.cell.method}, seed {record.cell.seed}"
        before = self._logits.setdefault(hash_of(logits), (place, what))
        if before[0] != place and logits:
            raise Problem(f"has the very logits of {before[0]} ({before[1]}), so it is a copy")
        resolved = record.configuration.resolved
        setting = hash_of({key: resolved.get(key) for key in ("task", "evaluation", "mirror", "files")})
        for name, used in record.evaluation_sets.items():
            own_labels = digest_of_labels(labels_of(submission, name))
            sha256, labels, first = self._data.setdefault((setting, name), (used.sha256, own_labels, place))
            if sha256 != used.sha256:
                raise Problem(f"evaluation_sets.{name}: has other texts than in {first}, under the same settings")
            if labels != own_labels:
                raise Problem(f"evaluation_sets.{name}: has other labels beside its logits than in {first}")
