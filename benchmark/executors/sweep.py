"""The cells of one run on a cluster: begun, watched, begun again where they are lost, and their results taken in."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.executors.brought_back import Arrival, DamagedOnTheWay
from benchmark.executors.cell_description import CellDescription
from benchmark.executors.node_side import AllSent, Begun, Ended
from benchmark.executors.progress_box import ProgressBox
from benchmark.executors.ray_cluster import able, nodes
from benchmark.executors.ray_task import cell_task
from benchmark.executors.remote_reporter import Event, ManyCellsReporter, RemoteReporter
from benchmark.finished_cells import usable_record
from benchmark.plan import Cell
from benchmark.run import RunOutcome, leave_record
from benchmark.work_lock import work_lock
from leaderboard.record import Record
from leaderboard.replace_file import remove_unfinished

ATTEMPTS = 4
"""Times that a cell is begun at most: machines may be lost, but a cell that takes its machine down must end."""

PAUSE = 0.3
"""Seconds between two looks at progress."""

LOOK_AROUND = 2.0
"""Seconds between two looks at the machines, and at cells that another run is working on."""

NO_MACHINE_FOR = 60.0
"""Seconds without a machine that could run a cell, after which the run ends."""

REASONS = {
    "NodeDiedError": "its node was lost",
    "WorkerCrashedError": "its process was ended",
    "OutOfMemoryError": "its node ran out of memory",
}
"""Errors of Ray's in words."""


class CellLost(Exception):
    """A cell's process or machine was lost as often as it was begun."""


class CellRefused(Exception):
    """A machine cannot run the cell."""


@dataclass(eq=False)
class Attempt:
    """One try to run a cell."""

    cell: Cell
    number: int
    stream: Any
    """What it hands over, one after the other."""
    begun: Begun | None = None
    arrival: Arrival | None = None
    counted: bool = False
    """Whether the cell's result is known."""
    held: ExitStack = field(default_factory=ExitStack)
    """The cell's lock, where its machine does not share the output folder and so cannot hold it."""

    @property
    def id(self) -> str:
        """What its progress is put under."""
        return f"{self.cell.config_hash}-{self.number}"


class Sweep:
    """All cells of one run."""

    def __init__(
        self,
        ray: Any,
        reporter: ManyCellsReporter,
        out: Path,
        descriptions: Mapping[str, CellDescription],
        *,
        cpus: int,
        gpus: float,
    ) -> None:
        """Prepare to run cells.

        Args:
            ray: the package, connected.
            reporter: shows progress.
            out: the output folder.
            descriptions: hash of each cell → its description.
            cpus: of each cell.
            gpus: of each cell.
        """
        self._ray = ray
        self._reporter = reporter
        self._out = out
        self._descriptions = descriptions
        self._cpus, self._gpus = cpus, gpus
        # Lost tasks are begun again here instead of by Ray, which says nothing and does so without end when memory is
        # what is short. At most one thing that was not taken yet: what comes after it waits until it is on the disk.
        self._task = ray.remote(
            num_cpus=cpus,
            num_gpus=gpus,
            max_retries=0,
            num_returns="streaming",
            scheduling_strategy="SPREAD",
            _generator_backpressure_num_objects=1,
        )(cell_task)
        self._box = ProgressBox(ray)
        self._box_is_there = True
        self._attempts: dict[str, Attempt] = {}
        """Those under way."""
        self._elsewhere: dict[str, tuple[Cell, int]] = {}
        """Cells that another run is working on, and how often they were begun here."""
        self._results: dict[str, str] = {}
        self._began = 0
        self._looked_around = self._machine_seen = time.monotonic()

    def run(self, cells: Sequence[Cell]) -> RunOutcome:
        """Run the cells.

        Raises:
            UserError: no machine that could run a cell is left.
        """
        # Backbones of equal content in two folders make equal cells: once is enough.
        distinct = {cell.config_hash: cell for cell in cells}
        self._reporter.start_cells(len(distinct))
        try:
            for cell in distinct.values():
                self._begin(cell, 1)
            while self._attempts or self._elsewhere:
                self._take_what_is_there()
                self._show_progress()
                self._look_around()
        finally:
            self._stop()

        def those(result: str) -> tuple[Cell, ...]:
            return tuple(cell for cell in cells if self._results[cell.config_hash] == result)

        return RunOutcome(those("finished"), those("skipped"), those("failed"))

    def _begin(self, cell: Cell, number: int) -> None:
        attempt = Attempt(cell, number, None)
        # A name in ASCII: Ray cuts it to fifteen bytes for the process's own name, wherever a character ends.
        task = self._task.options(name=f"cell {cell.config_hash}")
        attempt.stream = task.remote(self._descriptions[cell.config_hash], attempt.id, self._box.handle)
        self._attempts[attempt.id] = attempt

    def _take_what_is_there(self) -> None:
        """Take the next thing that any cell hands over."""
        if not self._attempts:
            time.sleep(PAUSE)
            return
        by_stream = {id(attempt.stream): attempt for attempt in self._attempts.values()}
        ready, _ = self._ray.wait([attempt.stream for attempt in self._attempts.values()], timeout=PAUSE)
        for stream in ready:
            attempt = by_stream[id(stream)]
            try:
                item = self._ray.get(next(stream))
            except StopIteration:
                if not attempt.counted:
                    self._lost(attempt, "it ended before its end")
                self._attempts.pop(attempt.id, None)
            except self._ray.exceptions.RayTaskError as error:
                cause = error.cause if isinstance(error.cause, Exception) else error
                self._fail(attempt, cause)
            except self._ray.exceptions.RayError as error:
                self._lost(attempt, REASONS.get(type(error).__name__, type(error).__name__))
            else:
                self._take(attempt, item)

    def _take(self, attempt: Attempt, item: Begun | Ended | bytes | AllSent) -> None:
        try:
            match item:
                case Begun():
                    self._has_begun(attempt, item)
                case Ended():
                    self._has_ended(attempt, item)
                case bytes():
                    self._has_sent(attempt, item)
        except DamagedOnTheWay as error:
            self._cancel(attempt)
            self._lost(attempt, f"its files did not arrive: {error}")
        except OSError as error:
            self._cancel(attempt)
            self._fail(attempt, error)

    def _has_begun(self, attempt: Attempt, begun: Begun) -> None:
        cell = attempt.cell
        attempt.begun = begun
        if attempt.number == 1:
            self._began += 1
        again = f", attempt {attempt.number} of {ATTEMPTS}" if attempt.number > 1 else ""
        where = f"on node {begun.node}{'' if begun.shared else ', which does not share the output folder'}"
        if begun.shared:
            self._reporter.say(f"cell {self._began} of {len(self._descriptions)}: {cell} {where}{again}")
            return
        if not attempt.held.enter_context(work_lock(cell.config_hash, self._out)):
            self._cancel(attempt)
            self._put_down(attempt)
            self._elsewhere[cell.config_hash] = (cell, attempt.number)
            self._began -= attempt.number == 1
            self._reporter.say(f"{cell}: another run is working on it")
            return
        record = usable_record(self._out / cell.record_path, self._reporter.say, cell)
        if record is not None and record.status == "finished":
            self._cancel(attempt)
            self._put_down(attempt)
            self._count(cell, "skipped")
            return
        remove_unfinished(self._out / cell.folder)
        self._reporter.say(f"cell {self._began} of {len(self._descriptions)}: {cell} {where}{again}")

    def _has_ended(self, attempt: Attempt, ended: Ended) -> None:
        self._show_progress()
        if ended.refused is not None:
            self._fail(attempt, CellRefused(ended.refused))
        elif ended.files:
            attempt.arrival = Arrival(self._out / attempt.cell.folder, ended.files, attempt.cell.config_hash)
        else:
            attempt.counted = True
            result = "finished" if ended.finished else "failed"
            self._count(attempt.cell, "skipped" if ended.elsewhere and ended.finished else result)

    def _has_sent(self, attempt: Attempt, part: bytes) -> None:
        assert attempt.arrival is not None
        attempt.arrival.take(part)
        if not attempt.arrival.complete:
            return
        from benchmark.working_files import remove_working_files

        record = attempt.arrival.put_in_place()
        if record.status == "finished":
            remove_working_files(self._out / attempt.cell.folder)
        attempt.counted = True
        attempt.held.close()
        self._count(attempt.cell, record.status)

    def _lost(self, attempt: Attempt, reason: str) -> None:
        """Begin a cell again whose attempt came to nothing through no fault of its own."""
        self._put_down(attempt)
        if attempt.counted:
            return
        begun = attempt.begun
        place = f" on node {begun.node}" if begun else ""
        if attempt.number >= ATTEMPTS:
            self._fail(attempt, CellLost(f"{reason}{place}; it was begun {ATTEMPTS} times"))
            return
        self._reporter.say(f"{attempt.cell}: lost{place}: {reason}; it is begun again")
        self._begin(attempt.cell, attempt.number + 1)

    def _fail(self, attempt: Attempt, error: Exception) -> None:
        """Leave a record of a failure that left none on its machine."""
        self._put_down(attempt)
        if attempt.counted:
            return
        attempt.counted = True
        cell = attempt.cell

        def work() -> Record:
            raise error

        with work_lock(cell.config_hash, self._out) as free:
            if free:
                leave_record(cell, work, self._out, self._reporter_of(cell))
            else:  # a machine that was given up may be working on it still
                self._reporter.say(f"{cell}: failed: {error}")
        self._count(cell, "failed")

    def _count(self, cell: Cell, result: str) -> None:
        self._reporter.end_phase(str(cell))
        self._results[cell.config_hash] = result
        self._reporter.finish_cell()

    def _put_down(self, attempt: Attempt) -> None:
        """Let go of all that is held for an attempt."""
        self._attempts.pop(attempt.id, None)
        if attempt.arrival is not None:
            attempt.arrival.discard()
        attempt.held.close()
        self._reporter.end_phase(str(attempt.cell))

    def _cancel(self, attempt: Attempt) -> None:
        # By force: a cell can be killed at any moment and gone on with, and it may be in a long computation.
        self._ray.cancel(attempt.stream, force=True)

    def _reporter_of(self, cell: Cell) -> RemoteReporter:
        def show(events: list[Event]) -> None:
            for event in events:
                self._reporter.show(str(cell), event)

        return RemoteReporter(show, str(cell))

    def _show_progress(self) -> None:
        if not self._box_is_there:
            return
        try:
            for attempt_id, event in self._box.take():
                attempt = self._attempts.get(attempt_id)
                if attempt is not None and not attempt.counted:
                    self._reporter.show(str(attempt.cell), event)
        except self._ray.exceptions.RayError:
            self._box_is_there = False
            self._reporter.say("progress is not shown any more: the process that takes it was lost; the cells go on")

    def _look_around(self) -> None:
        """Look now and then whether there is a machine for the cells, and whether other runs are done with theirs."""
        now = time.monotonic()
        if now - self._looked_around < LOOK_AROUND:
            return
        self._looked_around = now
        if able(nodes(self._ray), self._cpus, self._gpus):
            self._machine_seen = now
        elif now - self._machine_seen > NO_MACHINE_FOR:
            raise UserError(
                f"no node that can run a cell is left in the cluster since {NO_MACHINE_FOR:.0f} s; "
                f"{len(self._results)} of {len(self._descriptions)} cells are done; run the command again to go on."
            )
        for config_hash, (cell, number) in list(self._elsewhere.items()):
            with work_lock(config_hash, self._out) as free:
                if not free:
                    continue
                record = usable_record(self._out / cell.record_path, self._reporter.say, cell)
            del self._elsewhere[config_hash]
            if record is not None and record.status == "finished":
                self._count(cell, "skipped")
            else:
                self._begin(cell, number)

    def _stop(self) -> None:
        for attempt in list(self._attempts.values()):
            if not attempt.counted:
                self._cancel(attempt)
            self._put_down(attempt)
        self._box.remove()
