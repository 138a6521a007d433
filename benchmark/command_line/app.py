"""The command and its verbs; errors turned into exit codes."""

from __future__ import annotations

import errno
import gc
import io
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

import benchmark
from benchmark.command_line.echo import echo, echo_error
from benchmark.command_line.several_processes import check_verb, ending_together
from benchmark.errors import UserError

VERBS = {
    "run": "run:run",
    "evaluate": "evaluate:evaluate",
    "attack": "attack:attack",
    "leaderboard": "leaderboard:leaderboard",
    "rescore": "rescore:rescore",
    "verify": "verify:verify",
    "tune": "tune:tune",
    "list": "listing:list_things",
    "describe": "describe:describe",
    "check-method": "check_method:check_method",
    "doctor": "doctor:doctor",
    "submit": "submit:submit",
    "data": "data:data",
}
"""Verb → module of this package and the function in it, or the group of further verbs."""

AT_ONCE = ("list", "describe", "leaderboard")
"""Verbs that end before they leave garbage worth collecting."""

RECORDED = ("run", "evaluate", "attack", "tune", "verify")
"""Verbs that write down what they were asked for."""

INTERRUPTED = 130
"""Exit code that typer makes of an interrupt from the keyboard."""

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Of a named file; like a full disk, the user's to put right, and a traceback says nothing about it."""

UsageError: Any = typer.BadParameter.__mro__[1]
"""What typer raises for a command line it cannot read; typer exports it under no name."""


def command(words: Sequence[str]) -> typer.Typer:
    """The command with the verb that the words begin with, or with all verbs where they begin with none.

    typer reads the signature of every function that it is given, which takes longer than all that `list` does.
    """
    app = typer.Typer(
        name="roast-bench",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # rich help pages cost as much start-up time as everything else together
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(roast_bench)
    for verb in [words[0]] if words and words[0] in VERBS else VERBS:
        carried_out = pkgutil.resolve_name(f"benchmark.command_line.{VERBS[verb]}")
        if isinstance(carried_out, typer.Typer):
            app.add_typer(carried_out, name=verb)
        else:
            app.command(verb)(carried_out)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        echo(f"roast-bench {benchmark.__version__}")
        raise typer.Exit


def roast_bench(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """A robustness benchmark for fine-tuned language models: fine-tune, score five perspectives, compare."""


def main() -> None:
    """Run the command line and exit."""
    # Before torch is loaded. A thread that waits for the others spins by default, and beside one other busy process on
    # two cores a training step then takes twelve times as long (5.5 s); with fewer spins, twice as long (1.1 s).
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # Before pydantic is loaded: it would read the metadata of every installed package in search of plug-ins of its own.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):  # where a terminal knows too few characters for what is printed
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with ending_together():
        _carry_out(sys.argv[1:])


def _carry_out(words: Sequence[str]) -> None:
    collecting = gc.isenabled()
    if words and words[0] in AT_ONCE:
        gc.disable()
    try:
        check_verb(words, VERBS)
        if words and words[0] in RECORDED:
            _check_encoding(words)
        code = command(words)(standalone_mode=False)
    except UserError as error:
        _fail(str(error))
    except UsageError as error:
        _fail(f"{error.format_message().rstrip('.')}. See roast-bench --help.")
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            _fail(f"{error.filename}: no file or folder can have so long a name.")
        if error.errno not in NO_SPACE and (error.errno not in NO_PERMISSION or error.filename is None):
            raise
        place = "a file or the output" if error.filename is None else os.fsdecode(error.filename)
        _fail(f"{place}: cannot be read or written ({os.strerror(error.errno)}).")
    finally:
        if collecting:
            gc.enable()
    if code == INTERRUPTED:
        echo("interrupted; run the same command again to go on.", err=True)
    sys.exit(code or 0)


def _check_encoding(words: Sequence[str]) -> None:
    """Refuse names of files that no record can hold, and that libraries which write weights can make nothing of.

    Raises:
        UserError: one is not UTF-8.
    """
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise UserError(f"{word}: is not UTF-8; rename the file or folder.") from None


def _fail(message: str) -> None:
    echo_error(message)
    sys.exit(2)
