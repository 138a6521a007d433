"""A small cell killed at random points, and run again: it must end as if nothing had happened.

Run: ``python tests/soak/kills.py [--points 20] [--seed N]``

One run is left alone, and its changes of files are listed. Then, at each point, a run in a fresh folder is killed by
SIGKILL and started again, at some points killed again and started a third time. Half of the points are moments of the
cell's time, half are changes of a file (right before it, or part of the way to the next one, which native code that is
writing reaches).
"""

from __future__ import annotations

import dataclasses
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from compared import unlike
from interrupted_run import Ended, run_to_its_end
from report import Report, conclude, parser_of
from tiny_cells import PLUGIN, run_arguments, write_tiny_bert
from watched import Watch

METHOD = "roast+ema"
"""Has state of its own (averaged weights, sampled masks) beside the optimizer's."""

SIDE_BY_SIDE = 2

WITHIN_EPOCHS = 5
"""Steps between checkpoints in half of the trials; an epoch has 14."""

RECORD_IS_THERE = ("os.rename", "record.json")
"""The change after which the rest of the cell is tidying."""

PLACES = (
    ("/checkpoint", "fine-tuning"),
    ("/logits", "prediction"),
    ("/attacks", "attack"),
    ("record.json", "writing the record"),
    ("leaderboard.", "leaderboard"),
    ("LEADERBOARD.", "leaderboard"),
)
"""Part of a file's path → the phase that changes it, before the record is there."""


@dataclass(frozen=True)
class Change:
    """A change of a file in a run."""

    number: int
    """From 1, in order."""
    seconds: float
    event: str
    path: str
    phase: str


def changes_in(log: Path) -> tuple[Change, ...]:
    """The changes that a watched run has listed."""
    changes: list[Change] = []
    recorded = False
    for number, line in enumerate(log.read_text(encoding="utf-8").splitlines(), start=1):
        seconds, event, path = line.split("\t")
        phase = next((named for part, named in PLACES if part in path), "beginning of the cell")
        if recorded and phase not in ("leaderboard", "writing the record"):
            phase = "tidying up"
        recorded |= (event, Path(path).name) == RECORD_IS_THERE
        changes.append(Change(number, float(seconds), event, path, phase))
    return tuple(changes)


@dataclass(frozen=True)
class Point:
    """Where a run is killed."""

    where: str
    checkpoint_every: int | None
    second_kill_after: float | None
    """Where the run that goes on is killed too; it may have ended by then."""
    kill_after: float | None = None
    """Seconds of the cell, for a moment; None for a change."""
    change: int | None = None
    delay: float = 0.0
    """Seconds from the change to the kill."""


@dataclass(frozen=True)
class Trial:
    """What came of one point."""

    point: Point
    phase: str
    kills: int
    faults: tuple[str, ...]
    """Empty where the end equals the undisturbed run's."""

    @property
    def said(self) -> str:
        """Whether it is equal, or the first of what is not."""
        if not self.faults:
            return "yes"
        more = f" and {len(self.faults) - 1} more" if len(self.faults) > 1 else ""
        return f"**no**: {self.faults[0]}{more}"


@dataclass(frozen=True)
class Cell:
    """The cell under trial, and how it ends undisturbed."""

    work: Path
    backbone: Path
    seconds: float = 0.0
    """From its beginning to the end of the run."""
    changes: Mapping[int | None, tuple[Change, ...]] = field(default_factory=dict)
    """Steps between checkpoints, None for those at the end of an epoch alone → the changes of files of such a run."""

    @property
    def whole(self) -> Path:
        """Output folder of the undisturbed run."""
        return self.work / "undisturbed" / "out"

    def arguments(self, out: Path, checkpoint_every: int | None = None) -> list[object]:
        """The command that runs it."""
        words = run_arguments(PLUGIN, self.backbone, out, epochs=3, attack="deepwordbug:6")
        words += ["--method", METHOD, "--attack-workers", 2]
        return words if checkpoint_every is None else [*words, "--checkpoint-every", checkpoint_every]

    def undisturbed(self) -> Cell:
        """Run it once each way, and note how long it takes and which files it changes."""
        outs = {None: self.whole, WITHIN_EPOCHS: self.work / "undisturbed within epochs" / "out"}

        def run(every: int | None) -> Ended:
            watch = Watch(folder=str(outs[every]), log=str(outs[every].with_name("changes.tsv")))
            outs[every].parent.mkdir()
            return run_to_its_end(self.arguments(outs[every], every), outs[every].parent, watch=watch)

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            runs = dict(zip(outs, pool.map(run, outs), strict=True))
        for every, ended in runs.items():
            if faults := ([] if ended.code == 0 else [_last_line(ended.err)]) + unlike(self.whole, outs[every]):
                raise SystemExit(f"an undisturbed run, checkpoints every {every or 'epoch'}: {'; '.join(faults)}")
        changes = {every: changes_in(out.with_name("changes.tsv")) for every, out in outs.items()}
        return dataclasses.replace(self, seconds=min(ended.after for ended in runs.values()), changes=changes)


def prepare(work: Path) -> Cell:
    """Make the cell's backbone below a folder, and run it undisturbed."""
    return Cell(work, write_tiny_bert(work / "tiny-bert")).undisturbed()


def points(cell: Cell, count: int, random_numbers: random.Random) -> list[Point]:
    """Random points: moments and changes of files in turns, with checkpoints within the epochs in half of each.

    The changes are of every phase in turn, of which fine-tuning would otherwise have nearly all.
    """
    phases = list(dict.fromkeys(change.phase for change in cell.changes[None]))
    random_numbers.shuffle(phases)
    drawn = []
    for number in range(count):
        every = WITHIN_EPOCHS if number % 4 < 2 else None
        again = random_numbers.uniform(0, cell.seconds) if number % 5 == 0 else None
        if number % 2 == 0:
            point = _at_a_moment(cell, random_numbers.uniform(0, 0.95) * cell.seconds, every, again)
        else:
            changes = cell.changes[every]
            phase = phases[number // 2 % len(phases)]
            change = random_numbers.choice([change for change in changes if change.phase == phase])
            following = changes[min(change.number, len(changes) - 1)]
            part = random_numbers.choice((0.0, random_numbers.random()))
            where = f"{'after' if part else 'before'} change {change.number} of {len(changes)}"
            delay = part * (following.seconds - change.seconds)
            point = Point(where, every, again, change=change.number, delay=delay)
        drawn.append(point)
    return drawn


def _at_a_moment(cell: Cell, seconds: float, checkpoint_every: int | None, second: float | None) -> Point:
    return Point(f"{seconds / cell.seconds:.0%} of its time", checkpoint_every, second, kill_after=seconds)


def attempt(cell: Cell, point: Point, work: Path) -> Trial:
    """Kill a run at a point, run again until it ends, and compare."""
    out, log = work / "out", work / "changes.tsv"
    arguments = cell.arguments(out, point.checkpoint_every)
    watch = None
    if point.change is not None:
        watch = Watch(folder=str(out), log=str(log), at=point.change, delay=point.delay)
    runs = [run_to_its_end(arguments, work, kill_after=point.kill_after, watch=watch)]
    while point.kill_after and not runs[0].killed:  # faster than the undisturbed run: the point is moved forward
        shutil.rmtree(out)
        point = _at_a_moment(cell, 0.75 * point.kill_after, point.checkpoint_every, point.second_kill_after)
        runs = [run_to_its_end(arguments, work, kill_after=point.kill_after)]
    if point.second_kill_after is not None:
        runs.append(run_to_its_end(arguments, work, kill_after=point.second_kill_after))
    if len(runs) == 1 or runs[-1].killed:
        runs.append(run_to_its_end(arguments, work))
    phase = runs[0].phase
    if watch is not None:
        last = changes_in(log)[-1]
        phase = f"{last.phase} ({last.event.removeprefix('os.')} {_short(last.path)})"
    return Trial(point, phase, sum(run.killed for run in runs), tuple(_faults(cell, runs, out)))


def _faults(cell: Cell, runs: Sequence[Ended], out: Path) -> list[str]:
    faults = []
    for run in runs[:-1]:
        if not run.killed and run.code != 0:
            faults.append(f"exit code {run.code}: {_last_line(run.err)}")
    if runs[-1].code != 0:
        faults.append(f"the last run ended with exit code {runs[-1].code}: {_last_line(runs[-1].err)}")
    if not runs[0].killed:
        faults.append("the run ended before it was killed")
    faults += [f"{run.survivors} processes outlived their run" for run in runs if run.survivors]
    faults += ["a traceback" for run in runs if "Traceback" in run.err]
    faults += [f"a line of damage: {line}" for run in runs for line in run.err.splitlines() if "set aside" in line]
    return [fault.replace(f"{out}/", "") for fault in faults] + unlike(cell.whole, out)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["(nothing said)"])[-1]


def _short(path: str) -> str:
    """The last two parts of a path, without the random part of a temporary name."""
    return re.sub(r"\.[0-9a-f]{8}\.tmp$", ".tmp", "/".join(Path(path).parts[-2:]))


def report(trials: Sequence[Trial], cell: Cell) -> Report:
    """The table, and how many came out equal."""
    equal = sum(not trial.faults for trial in trials)
    phases = Counter(trial.phase.partition(" (")[0] for trial in trials)
    twice = sum(trial.kills > 1 for trial in trials)
    within = sum(trial.point.checkpoint_every is not None for trial in trials)
    rows = [
        (
            number,
            trial.point.where,
            trial.phase,
            trial.point.checkpoint_every or "epoch",
            trial.kills,
            trial.said,
        )
        for number, trial in enumerate(trials, start=1)
    ]
    return Report(
        title="Killed at random points",
        summary=[
            f"{equal} of {len(trials)} points equal: after SIGKILL and another run, the record (but for times, memory, "
            "and that it was resumed), every file of logits and attacked texts and the leaderboard are those of an "
            "undisturbed run, to the byte; no file is left over, and no process outlives the killed one.",
            f"Points: {', '.join(f'{count} in {phase}' for phase, count in phases.items())}.",
            f"{twice} were killed twice; {within} trained with checkpoints within the epochs.",
            f"The cell: {METHOD} on a two-layer BERT with dropout, 3 epochs of 14 steps, 3 evaluation sets, "
            f"deepwordbug on 6 texts by 2 workers; undisturbed it changes files "
            f"{len(cell.changes[None])} times, {len(cell.changes[WITHIN_EPOCHS])} times with checkpoints every "
            f"{WITHIN_EPOCHS} steps.",
        ],
        columns=("point", "killed", "phase", "checkpoint every", "kills", "equal"),
        rows=rows,
        passed=equal == len(trials),
    )


def main() -> int:
    """Try every point, and report."""
    parser = parser_of(__doc__)
    parser.add_argument("--points", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it, instead of a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (arguments.keep or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        cell = prepare(work)
        drawn = points(cell, arguments.points, random.Random(arguments.seed))

        def tried(number: int) -> Trial:
            trial = attempt(cell, drawn[number], work / f"point-{number + 1}")
            said = "; ".join(trial.faults) or "equal"
            print(f"point {number + 1}, {trial.point.where}, {trial.phase}: {said}", flush=True)
            return trial

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            trials = list(pool.map(tried, range(len(drawn))))
        return conclude(report(trials, cell), arguments)


if __name__ == "__main__":
    sys.exit(main())
