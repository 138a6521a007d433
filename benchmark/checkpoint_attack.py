"""Attacking one evaluation set of a task through a classifier that was fine-tuned elsewhere."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic_core import from_json

import benchmark
from benchmark.checkpoints import Checkpoint
from benchmark.errors import UserError
from benchmark.path_inside import path_inside
from benchmark.planned import hash_of, sources_of
from benchmark.run import cannot_be_written, make_writable
from benchmark.suite import AttackSettings
from benchmark.work_lock import work_lock
from leaderboard.read_bounded import read_bounded
from leaderboard.record import AttackResult
from leaderboard.replace_file import replace_file
from tasks import DataError, Task
from tasks.loading import LoadedEvaluation, Part, load_set

if TYPE_CHECKING:
    from benchmark.progress import Reporter

RESULT_FILE = "attack.json"
"""What an attack's folder holds beside the texts once the attack has ended."""


@dataclass(frozen=True)
class CheckpointAttack:
    """One attack on one checkpoint, with everything that determines its outcome."""

    task: Task
    checkpoint: Checkpoint
    max_length: int
    """Tokens; longer texts are cut."""
    settings: AttackSettings
    evaluation_set: str
    """The set under attack."""
    part: Part
    """Its texts, all of them; the attack takes its own sample."""

    def provenance(self) -> dict[str, str]:
        """How the attacked texts come about: everything that determines them."""
        values = {
            "model": self.checkpoint.name,
            "model_identity": self.checkpoint.model.identity,
            "model_labels": ",".join(self.checkpoint.labels),
            "max_length": str(self.max_length),
            "task": self.task.name,
            "evaluation_set": self.evaluation_set,
            "evaluation_set_rows": str(len(self.part.examples)),
            "evaluation_set_sha256": self.part.sha256,
            "recipe": self.settings.recipe,
            "examples": str(self.settings.examples),
            "max_queries": "unlimited" if self.settings.max_queries is None else str(self.settings.max_queries),
            "seed": str(self.settings.seed),
            "roast_bench": benchmark.__version__,
            "textattack": importlib.metadata.version("textattack"),
        }
        if self.part.examples.second_texts is not None:
            values["field"] = self.settings.field
        for what, source in sources_of(self.task, [self.settings.recipe]).items():
            if what.startswith("attack "):
                values["recipe_source"] = source
        return values

    @property
    def folder(self) -> Path:
        """Where its files go, below the output folder; another attack never takes this one's place."""
        digest = hash_of(self.provenance())
        return Path(self.task.name) / self.checkpoint.slug / f"{self.settings.recipe}-{digest}"


@dataclass(frozen=True)
class AttackedCheckpoint:
    """What an attack found."""

    result: AttackResult
    accuracy_before: float
    """Share of the attacked texts that the classifier had right, percent."""
    texts: Path
    """Parquet file of all attacked texts."""
    earlier: bool
    """Whether it was found by an earlier run and only read back."""


def load_attacked(task: Task, name: str, mirror: Path | None) -> Part:
    """The texts of the evaluation set under attack.

    Raises:
        UserError: they cannot be had.
    """
    (evaluation_set,) = (item for item in task.evaluation_sets if item.name == name)
    try:
        return load_set(task, evaluation_set, mirror)
    except DataError as error:
        raise UserError(str(error)) from None


def attack_checkpoint(
    planned: CheckpointAttack, out: Path, reporter: Reporter, *, workers: int | None = None
) -> AttackedCheckpoint:
    """Attack, unless an earlier run has done so; what an interrupted run found is taken over.

    Args:
        planned: what to attack.
        out: its files go below this folder.
        reporter: shows progress.
        workers: processes that attack texts side by side; None is as many as there are cores.

    Raises:
        UserError: the checkpoint cannot be loaded or is no whole classifier, the output folder cannot be written, or
            the system ended a worker, or another process is making the same attack.
    """
    make_writable(out)
    with work_lock(planned.folder.name, out) as free:
        if not free:
            raise UserError(f"{out / planned.folder}: another process is making this attack; wait for it, or stop it.")
        return _attack_once(planned, out / planned.folder, reporter, workers)


def _attack_once(
    planned: CheckpointAttack, folder: Path, reporter: Reporter, workers: int | None
) -> AttackedCheckpoint:
    result = _earlier_result(folder)
    earlier = result is not None
    if result is None:
        result = _attack(planned, folder, reporter, workers)
    assert result.texts is not None
    texts = folder / result.texts
    return AttackedCheckpoint(result, _accuracy_before(texts), texts, earlier)


def _attack(planned: CheckpointAttack, folder: Path, reporter: Reporter, workers: int | None) -> AttackResult:
    from benchmark.checkpoints import load_predictor
    from benchmark.live_attacks import attack

    predictor = load_predictor(planned.checkpoint, planned.max_length)
    data = LoadedEvaluation(task=planned.task, evaluation={planned.evaluation_set: planned.part}, missing={})
    result = attack(planned.settings, [planned.settings], data, predictor, folder, reporter, workers)
    content = {"provenance": planned.provenance(), "result": result.model_dump(mode="json")}
    try:
        replace_file(folder / RESULT_FILE, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
    except OSError as error:
        raise cannot_be_written(folder, error) from None
    return result


def _earlier_result(folder: Path) -> AttackResult | None:
    path = folder / RESULT_FILE
    if not path.is_file():
        return None
    try:
        result = AttackResult.model_validate(from_json(read_bounded(path))["result"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: is not the result of an attack; move its folder away and attack again.") from None
    texts = None if result.texts is None else path_inside(folder, result.texts)
    return result if texts is not None and texts.is_file() else None


def _accuracy_before(texts: Path) -> float:
    import pyarrow.compute
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(texts, columns=["label", "prediction_before"])
    right = pyarrow.compute.equal(table["label"], table["prediction_before"])
    return 100.0 * float(pyarrow.compute.mean(right).as_py())
