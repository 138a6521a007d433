"""Whether the results of live attacks agree with themselves and with their files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from benchmark.file_digest import sha256_of
from benchmark.path_inside import path_inside
from benchmark.submissions.problem import Problem
from benchmark.submissions.submission import Submission
from leaderboard.packed_bits import unpack_bits
from leaderboard.record import AttackResult

MOST_TEXTS = 1_000_000
MOST_BYTES = 2**30
"""Of an unpacked Parquet file."""


def check_attacks(submission: Submission, *, without_texts: bool) -> None:
    """Counts, accuracies and bits of every attack agree, and its file says the same.

    Args:
        submission: what to check.
        without_texts: accept attacks whose files are not there, as of published records.

    Raises:
        Problem: they do not.
    """
    for attack in submission.record.attacks:
        where = f"attack {attack.column}"
        _check_itself(where, attack)
        file = path_inside(submission.folder, attack.texts or "")
        if file is None:
            raise Problem(f"{where}: its texts {attack.texts!r} are not below the record's folder")
        if file.exists():
            _check_file(where, attack, file)
        elif not without_texts:
            raise Problem(f"{where}: its texts {attack.texts} are not there; submit them with the record")


def _check_itself(where: str, attack: AttackResult) -> None:
    if attack.succeeded + attack.failed + attack.skipped != attack.examples:
        raise Problem(
            f"{where}: {attack.succeeded} + {attack.failed} + {attack.skipped} are not {attack.examples} texts"
        )
    accuracy = attack.accuracy_under_attack.value
    if accuracy is not None and abs(accuracy - 100.0 * attack.failed / max(1, attack.examples)) > 1e-6:
        raise Problem(f"{where}: accuracy {accuracy:.4f}, but {attack.failed} of {attack.examples} held out")
    if attack.held_out is None:
        raise Problem(f"{where}: held_out is missing")
    try:
        bits = unpack_bits(attack.held_out, attack.examples)
    except ValueError as error:
        raise Problem(f"{where}: held_out: {error}") from None
    if sum(bits) != attack.failed:
        raise Problem(f"{where}: held_out has {sum(bits)} texts, failed {attack.failed}")
    if attack.max_queries is not None and attack.queries > attack.max_queries * attack.examples:
        raise Problem(f"{where}: {attack.queries:,} queries, allowed are {attack.max_queries} for each of the texts")


def _check_file(where: str, attack: AttackResult, file: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    if attack.texts_sha256 is None or sha256_of(file) != attack.texts_sha256:
        raise Problem(f"{where}: {attack.texts} does not have the sha256 that the record says")
    try:
        with pyarrow.parquet.ParquetFile(file) as stored:
            facts = stored.metadata
            unpacked = sum(facts.row_group(group).total_byte_size for group in range(facts.num_row_groups))
            if facts.num_rows > MOST_TEXTS or unpacked > MOST_BYTES:
                raise Problem(f"{where}: {attack.texts} holds {facts.num_rows:,} rows in {unpacked:,} bytes")
            outcomes = stored.read(columns=["outcome"]).column("outcome").to_pylist()
    except (OSError, KeyError, ValueError, pyarrow.ArrowException) as error:
        said = " ".join(str(error).split())[:120]
        raise Problem(f"{where}: {attack.texts} is not a file of attacked texts ({said})") from None
    counted = Counter(outcomes)
    expected = {"succeeded": attack.succeeded, "failed": attack.failed, "skipped": attack.skipped}
    if counted != Counter({name: count for name, count in expected.items() if count}):
        raise Problem(f"{where}: {attack.texts} has {dict(counted)}, the record {expected}")
    if [outcome == "failed" for outcome in outcomes] != unpack_bits(attack.held_out or "", attack.examples):
        raise Problem(f"{where}: held_out is not what {attack.texts} says")
