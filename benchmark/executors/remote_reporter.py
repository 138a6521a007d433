"""Progress of a cell that runs elsewhere: sent from there, shown here beside that of other cells."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import TaskID

from benchmark.progress import Reporter

INTERVAL = 0.5
"""Seconds between two messages that only count units."""


@dataclass(frozen=True)
class Event:
    """Something to show: a line, the begin of a phase, units of it done, or its end."""

    line: str | None = None
    phase: str | None = None
    total: int = 0
    advanced: int = 0
    phase_ended: bool = False


class RemoteReporter(Reporter):
    """Sends what it is told instead of showing it."""

    def __init__(self, send: Callable[[list[Event]], None], cell: str) -> None:
        """Make one for a cell.

        Args:
            send: takes events, in order; must not wait.
            cell: the cell, as it calls itself.
        """
        super().__init__(Console(quiet=True))
        self._send = send
        self._announcement = f"cell 1 of 1: {cell}"
        self._advanced = 0
        self._sent = 0.0

    def say(self, line: str) -> None:
        """Send a line."""
        if line != self._announcement:  # how many cells there are is known elsewhere
            self._send_with(Event(line=line))

    def start_cells(self, total: int) -> None:
        """Do nothing: one cell runs here."""

    def finish_cell(self) -> None:
        """Do nothing: cells are counted elsewhere."""

    @contextmanager
    def phase(self, description: str, total: int) -> Iterator[None]:
        """A phase of ``total`` units of work."""
        self._send_with(Event(phase=description, total=total))
        try:
            yield
        finally:
            self._send_with(Event(phase_ended=True))

    def advance(self, units: int = 1) -> None:
        """Count units of the present phase."""
        self._advanced += units
        if time.monotonic() - self._sent >= INTERVAL:
            self._send_with()

    def _send_with(self, *events: Event) -> None:
        counted = [Event(advanced=self._advanced)] if self._advanced else []
        self._advanced, self._sent = 0, time.monotonic()
        self._send([*counted, *events])


class ManyCellsReporter(Reporter):
    """Shows cells that run at the same time elsewhere, each line with the cell that it is about."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__(console)
        self._phases: dict[str, TaskID] = {}
        self._said: set[str] = set()

    def say(self, line: str) -> None:
        """Print a line that stays."""
        self._said.add(line)
        super().say(line)

    def show(self, cell: str, event: Event) -> None:
        """Show what a cell sent; a line about its task, which other cells send too, once and without the cell."""
        if event.line is not None:
            if not event.line.startswith("task "):
                super().say(f"{cell}: {event.line.strip()}")
            elif event.line not in self._said:
                self.say(event.line)
        if event.phase is not None:
            self.end_phase(cell)
            if not self._console.is_terminal:
                super().say(f"{cell}: {event.phase} ({event.total:,})")
            self._phases[cell] = self._bars.add_task(f"  {cell}: {event.phase}", total=event.total)
        if event.advanced and cell in self._phases:
            self._bars.advance(self._phases[cell], event.advanced)
        if event.phase_ended:
            self.end_phase(cell)

    def end_phase(self, cell: str) -> None:
        """Take the bar of a cell away, if there is one."""
        bar = self._phases.pop(cell, None)
        if bar is not None:
            self._bars.remove_task(bar)
