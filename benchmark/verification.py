"""A cell run once more, and everything in which its record differs from the first one's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.checkpoint_evaluation import CheckpointCell, evaluate_checkpoint
from benchmark.compared_attacks import ComparedTexts, compare_texts
from benchmark.compared_logits import ComparedLogits, compare_logits
from benchmark.differences import ABSENT, Difference, differences
from benchmark.errors import UserError
from benchmark.execution import Execution
from benchmark.path_inside import path_inside
from benchmark.plan import Cell
from benchmark.run import run_cells
from leaderboard.record import AttackResult, Record, RecordError, read_record

if TYPE_CHECKING:
    from benchmark.planned import Planned
    from benchmark.progress import Reporter

CIRCUMSTANCES = ("code", "packages", "machine")
"""Fields of a record that say on what it was made."""

LOGITS = ("logits", "logits_sha256")
"""Fields of an evaluation set that `compare_logits` sees to."""

MOST_THREADS = 1_024
"""More than any processor has; somebody else's record could ask for so many that the machine stands still."""

NOT_OF_AN_ATTACK = {"seconds", "texts", "texts_sha256"}
"""Fields of an attack that are its time, or that `compare_texts` sees to."""


@dataclass(frozen=True)
class Compared:
    """Things of one kind, by name, and where they differ."""

    names: tuple[str, ...]
    """Everything that was compared."""
    differing: Mapping[str, tuple[Difference, ...]]
    """Of these, what differs."""

    @property
    def equal(self) -> int:
        """How many do not differ."""
        return len(self.names) - len(self.differing)


@dataclass(frozen=True, kw_only=True)
class Verification:
    """A record beside the one of a rerun. Times and memory are not compared."""

    record: Record
    rerun: Record
    circumstances: tuple[Difference, ...]
    """What differs in code, packages and machine; it may be why results do."""
    data: Compared
    training: Compared
    logits: Mapping[str, ComparedLogits]
    scores: Compared
    attacks: Compared
    texts: Mapping[str, ComparedTexts]

    @property
    def equal_sets(self) -> int:
        """Evaluation sets whose logits are equal to the bit."""
        return sum(item.equal for item in self.logits.values())

    @property
    def equal(self) -> bool:
        """Whether everything that was compared is equal, and the files beside the record are what it says."""
        return (
            self.rerun.status == self.record.status
            and not any(group.differing for group in (self.data, self.training, self.scores, self.attacks))
            and all(item.equal and item.note is None for item in self.logits.values())
            and all(item.equal for item in self.texts.values())
        )


def run_again(
    cell: Planned,
    record_path: Path,
    record: Record,
    out: Path,
    reporter: Reporter,
    *,
    mirror: Path | None,
    execution: Execution,
) -> tuple[Path, Record]:
    """Run the cell of a record below another folder, in as many threads as then; return the new record and its file.

    What an earlier rerun left in the folder is gone on with, as `run` does.

    Raises:
        UserError: the folder is the record's own, a file name in the record leads out of its folder, it names an absurd
            number of threads, or the cell cannot be run.
    """
    for name in (*(item.logits for item in record.evaluation_sets.values()), *(item.texts for item in record.attacks)):
        _beside(record_path.parent, name)  # which would otherwise be refused after the rerun
    if record.machine.threads > MOST_THREADS:
        raise UserError(
            f"{record_path}: machine.threads is {record.machine.threads:,}, and no more than {MOST_THREADS:,} are "
            "started; verify the record as it was."
        )
    path = out / cell.record_path
    was_there = path.exists()
    if was_there and path.samefile(record_path):
        raise UserError(f"--out {out}: holds the record itself, which would be compared with itself; name another.")
    with _threads_of(record, reporter):
        if isinstance(cell, CheckpointCell):
            evaluate_checkpoint(cell, out, reporter, mirror=mirror, execution=execution)
        elif isinstance(cell, Cell):
            run_cells([cell], out, reporter, mirror=mirror, execution=execution)
    try:
        rerun = read_record(path)
    except RecordError as error:
        raise UserError(str(error)) from None
    if was_there and (rerun.started, rerun.seconds) == (record.started, record.seconds):
        raise UserError(f"--out {out}: holds a copy of the record, not a rerun; name another folder.")
    return path, rerun


def compare(record: Record, folder: Path, rerun: Record, rerun_folder: Path) -> Verification:
    """Compare two records of the same cell and the files beside them.

    Args:
        record: the one to verify.
        folder: where it lies; its logits and attacked texts need not be there any more.
        rerun: the other, with all its files.
        rerun_folder: where it lies.

    Raises:
        UserError: a file name in the record leads out of its folder, or a file of the rerun cannot be read.
    """
    old, new = (item.model_dump(mode="json") for item in (record, rerun))
    attacks, attacks_again = _attacks(record), _attacks(rerun)
    return Verification(
        record=record,
        rerun=rerun,
        circumstances=tuple(difference for key in CIRCUMSTANCES for difference in differences(old[key], new[key], key)),
        data=_compared(_data(old), _data(new)),
        training=_compared(_training(old), _training(new)),
        logits={
            name: compare_logits(
                item,
                _beside(folder, item.logits),
                rerun.evaluation_sets[name],
                rerun_folder / str(rerun.evaluation_sets[name].logits),
            )
            for name, item in record.evaluation_sets.items()
            if name in rerun.evaluation_sets
        },
        scores=_compared(_scores(old), _scores(new)),
        attacks=_compared(_without_texts(attacks), _without_texts(attacks_again)),
        texts={
            name: compare_texts(item, _beside(folder, item.texts), again, rerun_folder / str(again.texts))
            for name, item in attacks.items()
            if (again := attacks_again.get(name)) is not None
        },
    )


@contextmanager
def _threads_of(record: Record, reporter: Reporter) -> Iterator[None]:
    """As many torch threads as the record was made with: a sum split among another number of them rounds otherwise."""
    import torch

    before, wanted = torch.get_num_threads(), record.machine.threads
    # Not where it is the number already: setting it also takes back MKL's leave to use fewer.
    if wanted == before or wanted < 1:
        yield
        return
    reporter.say(f"threads: {wanted}, as for the record; by default {before} here.")
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _compared(old: Mapping[str, Any], new: Mapping[str, Any]) -> Compared:
    found: dict[str, list[Difference]] = {}
    names = tuple(dict.fromkeys([*old, *new]))
    for name in names:
        if differing := list(differences(old.get(name, ABSENT), new.get(name, ABSENT), name)):
            found[name] = differing
    return Compared(names, {name: tuple(differing) for name, differing in found.items()})


def _data(dumped: Mapping[str, Any]) -> dict[str, Any]:
    """Which texts were used, by what for."""
    evaluated = {
        name: {key: value for key, value in item.items() if key not in LOGITS}
        for name, item in dumped["evaluation_sets"].items()
    }
    missing = {f"missing_sets.{name}": "missing" for name in dumped["missing_sets"]}
    return {
        **{f"training_data.{name}": item for name, item in dumped["training_data"].items()},
        **{f"evaluation_sets.{name}": item for name, item in evaluated.items()},
        **missing,
    }


def _training(dumped: Mapping[str, Any]) -> dict[str, Any]:
    """How fine-tuning went, but for whether it was interrupted and how long it took."""
    circumstances = {"resumed", "seconds", "processor_seconds"}
    return {f"training.{key}": value for key, value in (dumped["training"] or {}).items() if key not in circumstances}


def _scores(dumped: Mapping[str, Any]) -> dict[str, Any]:
    of_sets = {
        f"set_scores.{name}.{metric}": score
        for name, scores in dumped["set_scores"].items()
        for metric, score in scores.items()
    }
    return {**{f"scores.{name}": score for name, score in dumped["scores"].items()}, **of_sets}


def _attacks(record: Record) -> dict[str, AttackResult]:
    """Attacks by place and recipe: the same configuration has them in the same order."""
    return {f"attacks.{index}.{item.recipe}": item for index, item in enumerate(record.attacks)}


def _without_texts(attacks: Mapping[str, AttackResult]) -> dict[str, Any]:
    return {name: item.model_dump(mode="json", exclude=NOT_OF_AN_ATTACK) for name, item in attacks.items()}


def _beside(folder: Path, name: str | None) -> Path | None:
    """A file that a record names.

    Raises:
        UserError: it is not below the record's folder.
    """
    if name is None:
        return None
    file = path_inside(folder, name)
    if file is None:
        raise UserError(f"{folder}: the record's file {name!r} is not below its folder; verify the record as it was.")
    return file
