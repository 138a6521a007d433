"""The time that a measurement may take."""

from __future__ import annotations

import time


class Clock:
    """Counts down from now."""

    def __init__(self, seconds: float) -> None:
        """Start.

        Args:
            seconds: to spend.
        """
        self._begin = time.perf_counter()
        self._end = self._begin + seconds

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self._begin

    @property
    def left(self) -> float:
        """Seconds until the end; 0 when it is over."""
        return max(0.0, self._end - time.perf_counter())

    @property
    def over(self) -> bool:
        """Whether the time is spent."""
        return self.left == 0.0

    def share(self, of: float) -> Clock:
        """A clock with a share of the seconds left."""
        return Clock(self.left * of)
