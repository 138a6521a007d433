"""Time that fine-tuning takes, interruptions and evaluations left out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class TrainingClock:
    """Wall and processor time of fine-tuning over all parts of an interrupted run.

    What was done after the checkpoint that training goes on from was lost, and is not counted.
    """

    def __init__(self) -> None:
        self._wall = 0.0
        self._processor = 0.0
        self._known = True
        self._since: tuple[float, float] | None = None

    def start(self) -> None:
        """Go on counting."""
        self._since = (time.perf_counter(), time.process_time())

    def stop(self) -> None:
        """Stop counting."""
        self._count()
        self._since = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Within the context nothing counts; afterwards it goes on if it was going."""
        going = self._since is not None
        self.stop()
        try:
            yield
        finally:
            if going:
                self.start()

    @property
    def seconds(self) -> float | None:
        """Wall time; None where a checkpoint did not say what came before it."""
        self._count()
        return self._wall if self._known else None

    @property
    def processor_seconds(self) -> float | None:
        """Processor time of this process, all its threads together; None likewise."""
        self._count()
        return self._processor if self._known else None

    def state(self) -> dict[str, float | None]:
        """For a checkpoint."""
        return {"seconds": self.seconds, "processor_seconds": self.processor_seconds}

    def go_on_from(self, state: dict[str, Any]) -> None:
        """Take over what a checkpoint says; a checkpoint from before there was a clock says nothing."""
        wall, processor = state.get("seconds"), state.get("processor_seconds")
        if wall is None or processor is None:
            self._known = False
        else:
            self._wall += wall
            self._processor += processor

    def _count(self) -> None:
        if self._since is not None:
            wall, processor = self._since
            self.start()
            now = self._since
            self._wall += now[0] - wall
            self._processor += now[1] - processor
