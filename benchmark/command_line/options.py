"""Options that several verbs share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.environment import MIRROR_VARIABLE, TRANSFER_SETS_VARIABLE, UNPICKLE_TAGGERS_VARIABLE
from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.trust import Trust

MOST_DIGITS = 18
"""Of a whole number on the command line: Python refuses to read thousands of them."""

Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="Python file that registers methods, tasks or attacks; repeatable."),
]

Mirror = Annotated[
    Path | None,
    typer.Option(envvar=MIRROR_VARIABLE, help="Folder that hub data sets are read from instead of the hub."),
]

TransferSets = Annotated[
    Path | None,
    typer.Option(envvar=TRANSFER_SETS_VARIABLE, help="Folder of the transfer sets; by default transfer-sets."),
]

EvalSets = Annotated[
    list[str] | None,
    typer.Option(
        "--eval-set",
        metavar="NAME=FILE:ROLE[:COLUMNS]",
        help="Evaluation set of your own, such as mine=reviews.csv:shift or mine=reviews.csv:shift:text=body,"
        "label=stars; CSV, TSV, JSONL or Parquet; repeatable.",
    ),
]

CheckpointArgument = Annotated[
    str,
    typer.Argument(
        metavar="CHECKPOINT",
        help="Sequence classifier made with transformers: a folder with safetensors weights, or a hub id.",
        show_default=False,
    ),
]

Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a checkpoint on the hub.")]

Labels = Annotated[
    str | None,
    typer.Option(
        metavar="LABEL,LABEL,…",
        help="The task's labels in the order of the checkpoint's logits; by default read from its id2label.",
    ),
]

PickledWeights = Annotated[
    bool,
    typer.Option(
        "--pickled-weights", help="Read pytorch_model.bin where there are no safetensors: its tensors, nothing else."
    ),
]

TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run code that comes with the model; only where you trust it.")
]

UnpickleTaggers = Annotated[
    bool,
    typer.Option(
        "--unpickle-taggers",
        envvar=UNPICKLE_TAGGERS_VARIABLE,
        help="Load flair's taggers, which checklist and clare need: pickles that can run code.",
    ),
]

MaxLength = Annotated[int, typer.Option(help="Tokens; longer texts are cut.")]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


def load_plugins(files: Sequence[Path] | None) -> None:
    """Load what installed packages and the named files register."""
    from benchmark.plugins import load_entry_points, load_plugin

    load_entry_points()
    for file in files or ():
        load_plugin(file)


def trusted(*, pickled_weights: bool, remote_code: bool, unpickle_taggers: bool) -> Trust:
    """What the user lets a model's files do; lets attacks, in every process of theirs, load what was asked for."""
    from benchmark.trust import Trust

    if unpickle_taggers:
        os.environ[UNPICKLE_TAGGERS_VARIABLE] = "1"
    return Trust(pickled_weights=pickled_weights, remote_code=remote_code)


def use_mirror(mirror: Path | None) -> None:
    """Check the mirror's folder, and let attacks find the NLTK data that it holds.

    Raises:
        UserError: there is no such folder.
    """
    from benchmark.attacks.nltk_data import use_nltk_data

    check_folder("--mirror", mirror)
    if mirror is not None:
        use_nltk_data(mirror / "nltk_data")


def check_folder(option: str, folder: Path | None) -> None:
    """Refuse a folder that was named but does not exist.

    Raises:
        UserError: there is no such folder.
    """
    if folder is not None and not folder.is_dir():
        raise UserError(f"{option} {folder}: there is no such folder.")


def names(option: str, values: Sequence[str] | None) -> list[str] | None:
    """``["vanilla,roast", "freelb"]`` as ``["vanilla", "roast", "freelb"]``; None where the option was not given.

    Raises:
        UserError: the option was given without a name.
    """
    if not values:
        return None
    given = [name.strip() for value in values for name in value.split(",") if name.strip()]
    if not given:
        raise UserError(f"{option}: names nothing; give at least one.")
    return given


def is_whole_number(text: str) -> bool:
    """Whether it is one, of as many digits as are read."""
    return text.isdecimal() and len(text) <= MOST_DIGITS


def whole_numbers(option: str, values: Sequence[str] | None) -> list[int] | None:
    """As `names`, for whole numbers ≥ 0.

    Raises:
        UserError: one is no such number.
    """
    given = names(option, values)
    if given is None:
        return None
    for value in given:
        if not is_whole_number(value):
            raise UserError(f"{option} {value[:MOST_DIGITS]}: write whole numbers, such as {option} 0,1,2.")
    return [int(value) for value in given]
