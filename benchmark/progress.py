"""Progress of long work: bars on a terminal, a line for each phase elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmark.printable import printable


class Reporter:
    """Shows which cell and which phase is under way, how far it is, and how long it may take."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._cells: TaskID | None = None
        self._phase: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, line: str) -> None:
        """Print a line that stays, whatever names of others it quotes."""
        self._console.print(printable(line), markup=False, highlight=False, soft_wrap=True)

    def start_cells(self, total: int) -> None:
        """Say how many cells will run."""
        self._cells = self._bars.add_task("cells", total=total)

    def finish_cell(self) -> None:
        """Count one cell."""
        if self._cells is not None:
            self._bars.advance(self._cells)

    @contextmanager
    def phase(self, description: str, total: int) -> Iterator[None]:
        """A phase of ``total`` units of work."""
        if not self._console.is_terminal:
            self.say(f"  {description} ({total:,})")
        self._phase = self._bars.add_task(f"  {printable(description)}", total=total)
        try:
            yield
        finally:
            self._bars.remove_task(self._phase)
            self._phase = None

    def advance(self, units: int = 1) -> None:
        """Count units of the present phase."""
        if self._phase is not None:
            self._bars.advance(self._phase, units)
