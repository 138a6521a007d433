"""The record a cell leaves: its schema, and reading it back.

A record is one JSON file, ``record.json``, written once when a cell ends. The leaderboard is made from records
alone. A value that could not be computed is ``null`` with a reason beside it, never a sentinel number.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from leaderboard.checksum import CHECKSUM, checksum
from leaderboard.compact_logits import CompactLogits
from leaderboard.one_line import one_line
from leaderboard.read_bounded import read_bounded

SCHEMA_VERSION: Final = 1
"""Version of the record's schema; raised whenever an old reader would misread a new record."""

RECORD_FILE = "record.json"
"""File name of every record."""

PERSPECTIVES = ("acc_in", "acc_shift", "acc_adv", "ece", "auroc")
"""The five perspectives, in the order of every table."""

MOST = 2**53
"""Of anything that is counted: larger numbers are no longer exact, and far larger ones no floating-point numbers."""

MOST_SECONDS = 1e11
"""Three thousand years."""


class RecordError(ValueError):
    """A record file that cannot be used; the message names the file, what is wrong and what would be right."""


class DamagedRecordError(RecordError):
    """A record file that was cut off or changed after it was written; another run can make the record again."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataFingerprint(_Part):
    """What was trained on or scored: a row count and a content hash of exactly those rows."""

    rows: int = Field(ge=0, le=MOST, description="rows used")
    rows_available: int = Field(ge=0, le=MOST, description="rows the source holds after the set's own filters")
    sha256: str = Field(description="hash of the texts and labels used, in order")
    partial: bool = Field(description="true where the source itself is a sample of the published data set")
    truncated: int = Field(default=0, ge=0, le=MOST, description="texts cut at the maximum length")
    provenance: dict[str, str] = Field(
        default_factory=dict, description="how generated texts came about: model, recipe, seed; part of the hash"
    )

    @property
    def sampled(self) -> bool:
        """Whether fewer rows were used than the source holds."""
        return self.rows < self.rows_available


class MergedClasses(_Part):
    """The fewer classes of a set, each made of some of the model's."""

    labels: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...] = Field(description="for each of them the model's classes it is made of")


class EvaluatedSet(DataFingerprint):
    """One evaluation set as it was scored."""

    role: Literal["in-distribution", "shift", "adversarial", "anomaly"]
    logits: str | None = Field(default=None, description="file of the stored logits, relative to the record")
    logits_sha256: str | None = None
    projection: MergedClasses | None = Field(
        default=None, description="where the set has fewer classes than the model; the stored logits are the model's"
    )
    compact_logits: CompactLogits | None = Field(
        default=None, description="the logits in half precision; null for very large sets and in older records"
    )


class Score(_Part):
    """One number, with what is needed to read it."""

    value: float | None = Field(description="the score, or null where it is undefined")
    unit: Literal["percent", "nats", "queries", "words", "cosine", "none"] = "percent"
    higher_is_better: bool = True
    sets: tuple[str, ...] = Field(description="the evaluation sets or attacks the value covers")
    reason: str | None = Field(default=None, description="why the value is null")

    @model_validator(mode="after")
    def _null_has_a_reason(self) -> Score:
        if self.value is None and not self.reason:
            raise ValueError("a score without a value needs a reason")
        return self


class AttackResult(_Part):
    """A live attack against the model of this cell, with the budget it ran under."""

    recipe: str
    evaluation_set: str
    examples: int = Field(
        ge=0, le=MOST, description="texts attacked, misclassified ones (skipped by the attack) included"
    )
    max_queries: int | None = Field(description="queries allowed per text; null is unlimited")
    seed: int
    succeeded: int = Field(ge=0, le=MOST)
    failed: int = Field(ge=0, le=MOST)
    skipped: int = Field(ge=0, le=MOST, description="misclassified before the attack: they count as wrong")
    truncated: int = Field(
        default=0,
        ge=0,
        le=MOST,
        description="attacked texts longer than the maximum length: what was cut plays no part",
    )
    field: Literal["premise", "hypothesis", "both"] | None = Field(
        default=None, description="which text of a pair was attacked; null for single texts"
    )
    accuracy_under_attack: Score
    attack_success_rate: Score
    words_changed: Score | None = Field(default=None, description="mean over successful attacks")
    words_left: Score | None = Field(
        default=None, description="mean over attacked texts, of attacks that shorten; null for others"
    )
    queries_per_text: Score | None = Field(default=None, description="mean over attacked texts")
    similarity: Score | None = Field(
        default=None, description="mean cosine of sentence embeddings, original to attacked, over successful attacks"
    )
    queries: int = Field(ge=0, le=MOST, description="model queries in total")
    seconds: float = Field(
        ge=0, le=MOST_SECONDS, description="wall time; of the last part where an interrupted attack was resumed"
    )
    held_out: str | None = Field(
        default=None,
        description="base64 of a bit for each text, the first in the highest: still classified rightly under attack",
    )
    texts: str | None = Field(default=None, description="Parquet file of the attacked texts, relative to the record")
    texts_sha256: str | None = None

    @model_validator(mode="after")
    def _accuracy_is_read_as_every_other(self) -> AttackResult:
        if self.accuracy_under_attack.unit != "percent" or not self.accuracy_under_attack.higher_is_better:
            raise ValueError("accuracy_under_attack is in percent, and higher is better")
        return self

    @property
    def column(self) -> str:
        """Column heading: recipe and budget, so that a cheap attack cannot pass for a strong one."""
        queries = "unlimited queries" if self.max_queries is None else f"≤{self.max_queries} queries"
        field = f", {self.field}" if self.field else ""
        return f"{self.recipe} ({self.examples} texts{field}, {queries}, seed {self.seed})"


class Configuration(_Part):
    """What the cell was asked to do."""

    given: dict[str, Any] = Field(description="as the user gave it: suite values and flags")
    resolved: dict[str, Any] = Field(description="after defaults: everything that determines the result")


class CellIdentity(_Part):
    """Which cell: the four coordinates and the hash of its resolved configuration."""

    task: str
    backbone: str
    method: str
    seed: int
    config_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
    suite: str


class ParameterDeviation(_Part):
    """‖θ − θ₀‖₂ / ‖θ₀‖₂: how far parameters are from the pre-trained ones; null where all were 0 or none is shared."""

    embeddings: float | None = Field(description="of all embedding tables together")
    layers: tuple[float | None, ...] = Field(description="of each transformer block, the first first")


class Training(_Part):
    """How fine-tuning went."""

    steps: int = Field(ge=0, le=MOST)
    selection: Literal["held-out", "reported"] = Field(
        description="what the kept epoch was chosen on: a slice of the training data, or the reported set"
    )
    selection_accuracy: tuple[float, ...] = Field(description="percent, one per epoch")
    kept_epoch: int | None = Field(description="1-based epoch whose weights were kept")
    loss: float | None = Field(description="mean training loss")
    resumed: bool = Field(
        default=False, description="went on from a checkpoint: the memory and the phases' times are of the last part"
    )
    method: dict[str, Any] = Field(default_factory=dict, description="what the method reports of itself")
    seconds: float | None = Field(
        default=None,
        ge=0,
        le=MOST_SECONDS,
        description="wall time of training alone, without evaluations and what interruptions lost",
    )
    processor_seconds: float | None = Field(
        default=None,
        ge=0,
        le=MOST_SECONDS,
        description="the same as processor time of the (first) process, all its threads together",
    )
    deviation: ParameterDeviation | None = None


class Failure(_Part):
    """Why a cell failed."""

    kind: str = Field(description="the exception's class")
    message: str
    traceback: str


class Machine(_Part):
    """Where the cell ran."""

    device: str
    processor: str
    threads: int = Field(ge=1, le=MOST)
    python: str
    system: str
    processes: int = Field(1, ge=1, le=MOST, description="that fine-tuned together, each on a device like this one")


class Code(_Part):
    """The version of roast-bench that ran."""

    version: str
    commit: str | None = Field(description="git commit where run from a checkout")
    dirty: bool | None = Field(description="whether that checkout had uncommitted changes")


class Record(_Part):
    """Everything a finished or failed cell leaves behind."""

    schema_version: Literal[1] = SCHEMA_VERSION
    status: Literal["finished", "failed"]
    cell: CellIdentity
    configuration: Configuration
    code: Code
    packages: dict[str, str] = Field(description="versions of the packages that shape the result")
    machine: Machine
    started: str = Field(description="UTC, ISO 8601")
    seconds: dict[str, Annotated[float, Field(ge=0, le=MOST_SECONDS)]] = Field(
        default_factory=dict, description="wall time of each phase"
    )
    peak_memory_bytes: int | None = Field(
        default=None,
        description="peak of the process's resident memory, or of what it allocated on a GPU, from the loading of the "
        "model (of a checkpoint: from prediction) to the scores; reading the texts before and attack workers left out",
    )
    training_data: dict[str, DataFingerprint] = Field(default_factory=dict)
    evaluation_sets: dict[str, EvaluatedSet] = Field(default_factory=dict)
    in_distribution_test: str | None = Field(
        default=None, description="the evaluation set that anomalies are told from"
    )
    missing_sets: dict[str, str] = Field(default_factory=dict, description="set → why it could not be had")
    training: Training | None = None
    scores: dict[str, Score] = Field(default_factory=dict, description="the five perspectives")
    set_scores: dict[str, dict[str, Score]] = Field(default_factory=dict, description="set → metric → score")
    attacks: tuple[AttackResult, ...] = ()
    failure: Failure | None = None
    checksum: str | None = Field(
        default=None, description="sha256 of everything else in the record; null in one made before there was any"
    )

    @model_validator(mode="after")
    def _status_fits(self) -> Record:
        if (self.status == "failed") != (self.failure is not None):
            raise ValueError("failure is given exactly when status is failed")
        if self.status == "finished":
            lacking = [key for key in PERSPECTIVES if key not in self.scores]
            if lacking:
                raise ValueError(f"a finished record needs the scores {', '.join(lacking)}")
        return self


def read_record(path: Path) -> Record:
    """Read and validate one record file.

    Raises:
        DamagedRecordError: the file is not JSON or no record, is not what its checksum says, or does not follow the
            schema.
        RecordError: the file cannot be read, or is of another version of the schema.
    """
    try:
        text = read_bounded(path)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}).") from None
    try:
        content = from_json(text)
    except ValueError as error:
        raise DamagedRecordError(f"{path}: is not JSON ({error}); move it away and run the cell again.") from None
    if not isinstance(content, dict) or "schema_version" not in content:
        raise DamagedRecordError(
            f"{path}: is no record, for it has no schema_version; move it away and run the cell again."
        )
    version = content["schema_version"]
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise RecordError(
            f"{path}: schema_version is {one_line(repr(version))}, this roast-bench reads {SCHEMA_VERSION}; "
            "move the file away or use the roast-bench that wrote it."
        )
    if content.get(CHECKSUM) not in (None, checksum(content)):
        raise DamagedRecordError(
            f"{path}: is not what its checksum says, so it was changed; move it away and run the cell again."
        )
    try:
        return Record.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = one_line(".".join(str(part) for part in first["loc"])) or "the record"
        raise DamagedRecordError(f"{path}: {where}: {first['msg']}.") from None


def find_records(folder: Path, unreadable: list[OSError] | None = None) -> list[Path]:
    """All record files below a folder, in a stable order; links to folders are not followed.

    Args:
        folder: where to look.
        unreadable: takes an error for each folder that is there but cannot be read.
    """
    found = []
    waiting = [str(folder)]
    while waiting:  # and not by recursion: somebody else's folders may be nested a thousand deep
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    if entry.name == RECORD_FILE:
                        found.append(Path(entry.path))
        except FileNotFoundError:  # gone meanwhile
            continue
        except OSError as error:
            if unreadable is not None:
                unreadable.append(error)
    return sorted(found)
