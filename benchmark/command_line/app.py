"""The command and its verbs; errors turned into exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

import benchmark
from benchmark.command_line.attack import attack
from benchmark.command_line.check_method import check_method
from benchmark.command_line.data import data
from benchmark.command_line.describe import describe
from benchmark.command_line.doctor import doctor
from benchmark.command_line.evaluate import evaluate
from benchmark.command_line.leaderboard import leaderboard
from benchmark.command_line.listing import list_things
from benchmark.command_line.rescore import rescore
from benchmark.command_line.run import run
from benchmark.errors import UserError

app = typer.Typer(
    name="roast-bench",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich help pages cost as much start-up time as everything else together
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run)
app.command()(evaluate)
app.command()(attack)
app.command()(leaderboard)
app.command()(rescore)
app.command("list")(list_things)
app.command()(describe)
app.command("check-method")(check_method)
app.command()(doctor)
app.add_typer(data, name="data")

INTERRUPTED = 130
"""Exit code that typer makes of an interrupt from the keyboard."""

UsageError: Any = typer.BadParameter.__mro__[1]
"""What typer raises for a command line it cannot read; typer exports it under no name."""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"roast-bench {benchmark.__version__}")
        raise typer.Exit


@app.callback()
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
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        _fail(str(error))
    except UsageError as error:
        _fail(f"{error.format_message().rstrip('.')}. See roast-bench --help.")
    if code == INTERRUPTED:
        typer.echo("interrupted; run the same command again to go on.", err=True)
    sys.exit(code or 0)


def _fail(message: str) -> None:
    typer.echo(f"roast-bench: {' '.join(message.split())}", err=True)
    sys.exit(2)
