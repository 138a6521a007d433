"""Whether the results of live attacks agree with themselves and with their files."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic_core import to_json

from benchmark.path_inside import path_inside
from benchmark.submissions.problem import Problem
from benchmark.submissions.submission import Submission
from benchmark.suite import AttackSettings
from leaderboard.one_line import one_line
from leaderboard.packed_bits import unpack_bits
from leaderboard.read_bounded import read_bounded
from leaderboard.record import AttackResult
from tasks import Role

if TYPE_CHECKING:
    import pyarrow.parquet

MOST_TEXTS = 1_000_000
MOST_BYTES = 2**30
"""Of an unpacked Parquet file."""
LONGEST_FILE = 2**28
"""Bytes of a packed one."""

_SHORTENS = "input-reduction"
"""It keeps the predicted class, and so leaves the accuracy as it is: there is none under attack."""


def check_attacks(submission: Submission, *, without_texts: bool) -> None:
    """Counts, accuracies and bits of every attack agree, and its file says the same.

    Args:
        submission: what to check.
        without_texts: accept attacks whose files are not there, as of published records.

    Raises:
        Problem: they do not.
    """
    _check_configured(submission)
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


def _check_configured(submission: Submission) -> None:
    """The attacks are those of the configuration, against sets that were scored."""
    record = submission.record
    configured = record.configuration.resolved.get("attacks")
    if not isinstance(configured, list):
        raise Problem("configuration.resolved.attacks is missing")
    if len(configured) != len(record.attacks):
        raise Problem(f"attacks: has {len(record.attacks)}, configured are {len(configured)}")
    for given, attack in zip(configured, record.attacks, strict=True):
        where = f"attack {attack.column}"
        try:
            settings = AttackSettings.model_validate_json(to_json(given), strict=True)
        except ValueError:
            raise Problem(f"{where}: configuration.resolved.attacks has no such settings") from None
        expected = {
            "recipe": settings.recipe,
            "evaluation_set": settings.evaluation_set or record.in_distribution_test,
            "max_queries": settings.max_queries,
            "seed": settings.seed,
            "field": attack.field and settings.field,  # single texts have none
        }
        for name, value in expected.items():
            if getattr(attack, name) != value:
                raise Problem(f"{where}: {name} is {getattr(attack, name)!r}, configured was {value!r}")
        attacked = record.evaluation_sets.get(attack.evaluation_set)
        if attacked is None or not Role(attacked.role).labelled:
            raise Problem(f"{where}: evaluation_sets has no labelled set {attack.evaluation_set!r}")
        if attack.examples > settings.examples:
            raise Problem(f"{where}: {attack.examples:,} texts were attacked, configured were {settings.examples:,}")


def _check_itself(where: str, attack: AttackResult) -> None:
    if attack.succeeded + attack.failed + attack.skipped != attack.examples:
        raise Problem(
            f"{where}: {attack.succeeded} + {attack.failed} + {attack.skipped} are not {attack.examples} texts"
        )
    accuracy = attack.accuracy_under_attack.value
    if (accuracy is None) != (attack.examples == 0 or attack.recipe == _SHORTENS):
        raise Problem(f"{where}: accuracy_under_attack is {accuracy}, for {attack.examples} texts")
    if attack.truncated > attack.examples:
        raise Problem(f"{where}: {attack.truncated} of {attack.examples} texts were cut")
    if accuracy is not None and abs(accuracy - 100.0 * attack.failed / attack.examples) > 1e-6:
        raise Problem(f"{where}: accuracy {accuracy:.4f}, but {attack.failed} of {attack.examples} held out")
    attacked, rate = attack.succeeded + attack.failed, attack.attack_success_rate.value
    expected = 100.0 * attack.succeeded / attacked if attacked else None
    if (rate is None) != (expected is None) or abs((rate or 0.0) - (expected or 0.0)) > 1e-6:
        raise Problem(
            f"{where}: attack_success_rate is {rate}, {attack.succeeded} of {attacked} attacked texts succeeded"
        )
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

    try:
        content = read_bounded(file, LONGEST_FILE)
    except OSError as error:
        raise Problem(f"{where}: {attack.texts} cannot be read ({error.strerror})") from None
    if attack.texts_sha256 is None or hashlib.sha256(content).hexdigest() != attack.texts_sha256:
        raise Problem(f"{where}: {attack.texts} does not have the sha256 that the record says")
    try:
        with pyarrow.parquet.ParquetFile(io.BytesIO(content), read_dictionary=["outcome"]) as stored:
            facts = stored.metadata
            unpacked = sum(facts.row_group(group).total_byte_size for group in range(facts.num_row_groups))
            if facts.num_rows > MOST_TEXTS or unpacked > MOST_BYTES:
                raise Problem(f"{where}: {attack.texts} holds {facts.num_rows:,} rows in {unpacked:,} bytes")
            outcomes = _outcomes(stored)
    except KeyError:
        raise Problem(
            f"{where}: {attack.texts} is not a file of attacked texts (it has no words as outcomes)"
        ) from None
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        said = " ".join(str(error).split())[:120]
        raise Problem(f"{where}: {attack.texts} is not a file of attacked texts ({said})") from None
    counted = Counter(outcomes)
    expected = {"succeeded": attack.succeeded, "failed": attack.failed, "skipped": attack.skipped}
    if counted != Counter({name: count for name, count in expected.items() if count}):
        raise Problem(f"{where}: {attack.texts} has {_said(counted)}, the record {_said(expected)}")
    if [outcome == "failed" for outcome in outcomes] != unpack_bits(attack.held_out or "", attack.examples):
        raise Problem(f"{where}: held_out is not what {attack.texts} says")


def _said(counts: Mapping[str, int] | Mapping[str | None, int]) -> str:
    return one_line(", ".join(f"{count:,} {str(name)[:20]}" for name, count in counts.items()))


def _outcomes(stored: pyarrow.parquet.ParquetFile) -> list[str | None]:
    """The outcome of each text, every word held once however many rows share it.

    Raises:
        ValueError: they are not words.
    """
    import pyarrow

    kind = stored.schema_arrow.field("outcome").type
    if not pyarrow.types.is_dictionary(kind) or not pyarrow.types.is_string(kind.value_type):
        raise ValueError(f"outcome is {str(kind)[:40]}, not string")
    found: list[str | None] = []
    for chunk in stored.read(columns=["outcome"]).column("outcome").chunks:
        words = chunk.dictionary.to_pylist()
        found += [None if index is None else words[index] for index in chunk.indices.to_pylist()]
    return found
