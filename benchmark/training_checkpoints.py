"""Checkpoints of a training that is under way: which of them are whole, and which one to go on from."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from benchmark.file_digest import sha256_of
from benchmark.set_aside import set_aside
from leaderboard.read_bounded import read_bounded
from leaderboard.replace_file import replace_file

CHECKSUMS = "checksums.json"
"""File of a checkpoint that is written last: the sha256 of every other one. Without it, writing was interrupted."""

TRAINER_STATE = "trainer_state.json"
"""The file in which the Trainer says how far it is, and which checkpoint is the best."""

NAME = re.compile(r"checkpoint-([0-9]+)")

FOLDER = "checkpoint"
"""Folder of a cell that holds the checkpoints of one process until the record is written."""

FOLDER_NAME = re.compile(rf"{FOLDER}(-[0-9]+-processes)?")


def checkpoint_folder(cell_folder: Path, processes: int) -> Path:
    """Where checkpoints go: those of another number of processes are of no use, but not worth less."""
    return cell_folder / (FOLDER if processes == 1 else f"{FOLDER}-{processes}-processes")


def checkpoint_folders(cell_folder: Path) -> list[Path]:
    """All such folders that are there, by name."""
    return sorted(path for path in cell_folder.glob(f"{FOLDER}*") if FOLDER_NAME.fullmatch(path.name))


def write_checksums(checkpoint: Path, processes: int = 1) -> None:
    """Declare a checkpoint whole, to which every process has added its part.

    Raises:
        FileNotFoundError: a process has written its part elsewhere.
    """
    for rank in range(processes if processes > 1 else 0):
        if not (checkpoint / f"rng_state_{rank}.pth").exists():
            raise FileNotFoundError(
                f"{checkpoint}: process {rank} writes elsewhere; give an output folder that all processes share."
            )
    digests = {path.name: sha256_of(path) for path in sorted(checkpoint.iterdir()) if path.name != CHECKSUMS}
    replace_file(checkpoint / CHECKSUMS, json.dumps(digests, indent=2).encode())


def last_whole_checkpoint(folder: Path, say: Callable[[str], None]) -> Path | None:
    """The checkpoint that training can go on from; None where there is none.

    Those whose writing or removal was interrupted are removed, and so are those after the one to go on from. Damaged
    ones are set aside, beside the folder.

    Args:
        folder: where the Trainer puts its checkpoints; it need not exist.
        say: takes a line for each checkpoint that is set aside.
    """
    whole: dict[int, Path] = {}
    for step, path in sorted(_numbered(folder).items()):
        if not _is_complete(path):
            shutil.rmtree(path)
        elif problem := _damage_of(path):
            set_aside(path, problem, say, folder.parent)
        else:
            whole[step] = path
    names = {path.name for path in whole.values()}
    for step, path in sorted(whole.items(), reverse=True):
        best = _state(path).get("best_model_checkpoint")
        if best is None or Path(best).name in names:
            return path
        shutil.rmtree(path)  # it could only end in the weights of a checkpoint that is gone
        del whole[step]
    return None


def last_whole_step(folder: Path) -> int:
    """Optimizer steps that the last whole checkpoint of a folder holds, 0 where there is none; changes nothing."""
    whole = (step for step, path in _numbered(folder).items() if _is_complete(path) and _damage_of(path) is None)
    return max(whole, default=0)


def best_beside(best: str | None, folder: Path) -> str | None:
    """Where the best checkpoint is now; a state holds the path of where the folder was when it was written."""
    return None if best is None else str(folder / Path(best).name)


def _numbered(folder: Path) -> dict[int, Path]:
    """Optimizer steps → the checkpoint after so many."""
    return {int(found[1]): path for path in folder.glob("*") if (found := NAME.fullmatch(path.name))}


def _is_complete(checkpoint: Path) -> bool:
    """Whether neither the writing nor the removal of a checkpoint was interrupted: no file is missing."""
    try:
        names = list(from_json(read_bounded(checkpoint / CHECKSUMS)))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, TypeError):
        return True  # but damaged
    return all((checkpoint / str(name)).is_file() for name in names)


def _damage_of(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint that was whole once."""
    try:
        expected = from_json(read_bounded(checkpoint / CHECKSUMS))
        for name, digest in expected.items():
            if sha256_of(checkpoint / name) != digest:
                return f"{name} is not what was saved"
        _state(checkpoint)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        return f"cannot be read ({' '.join(str(error).split())})"
    return None


def _state(checkpoint: Path) -> dict[str, Any]:
    return dict(from_json(read_bounded(checkpoint / TRAINER_STATE)))
