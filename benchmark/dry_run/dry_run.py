"""What a run would do and how long it would take, without training anything or touching the output folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.dry_run.estimate import FINE_TUNING, PHASES, Estimate, PlannedCell, State
from benchmark.dry_run.measurement import LIMIT, Measurement, estimates_by, measure, optimizer_steps
from benchmark.dry_run.recorded_times import estimates_from, records_of, usable_records
from benchmark.dry_run.states import check_writable, recorded_state, with_checkpoint
from benchmark.dry_run.text_lengths import SampledTexts, sample_texts
from benchmark.dry_run.units_beforehand import units_beforehand
from benchmark.execution import AS_USUAL, Execution
from benchmark.plan import Cell
from benchmark.progress import Reporter
from benchmark.provenance import machine
from benchmark.run import check_cells, data_key
from leaderboard.record import Record
from tasks.loading import LoadedTask


@dataclass(frozen=True)
class DryRun:
    """Every cell of a plan with its estimates, and what was measured for them."""

    cells: tuple[PlannedCell, ...]
    measurements: tuple[Measurement, ...]

    @property
    def seconds(self) -> float:
        """Of all cells, one after the other, and what comes once."""
        return sum(planned.seconds for planned in self.cells) + self.once

    @property
    def once(self) -> float:
        """Seconds that the run spends once, whatever the number of cells: importing TextAttack."""
        return sum(measured.textattack for measured in self.measurements)

    @property
    def at_least(self) -> bool:
        """Whether a cell may take any time longer than estimated."""
        return any(planned.at_least for planned in self.cells)


def dry_run(
    cells: Sequence[Cell],
    out: Path,
    reporter: Reporter,
    *,
    mirror: Path | None = None,
    execution: Execution = AS_USUAL,
    times_from: Sequence[Path] = (),
) -> DryRun:
    """Plan cells, check what `benchmark.run.run_cells` checks before the first one, and estimate their time.

    Times are those in finished records of this machine; what no record tells is measured, in about a minute at most
    for each task and backbone. Nothing is written but to a temporary folder.

    Args:
        cells: the plan.
        out: the output folder.
        reporter: told what is measured.
        mirror: folder that hub data sets are read from.
        execution: how the cells would be carried out.
        times_from: further folders of records.

    Raises:
        UserError: as `run_cells`.
    """
    check_writable(out)
    states = [recorded_state(cell, out) for cell in cells]
    records = usable_records([out, *times_from], machine())
    pending = [cell for cell, state in zip(cells, states, strict=True) if state.kind != "finished"]
    data = check_cells(pending, mirror, reporter) if pending else {}
    estimating = _Estimating(data, records, execution, reporter)
    estimating.look_at(pending)
    planned = tuple(
        PlannedCell(cell, state, {}) if state.kind == "finished" else estimating.planned(cell, state, out)
        for cell, state in zip(cells, states, strict=True)
    )
    return DryRun(planned, tuple(estimating.measurements.values()))


class _Estimating:
    """What the cells of a plan share while they are estimated."""

    def __init__(
        self,
        data: Mapping[tuple[object, ...], LoadedTask],
        records: Sequence[Record],
        execution: Execution,
        reporter: Reporter,
    ) -> None:
        self._data = data
        self._records = records
        self._execution = execution
        self._reporter = reporter
        self._sets: dict[tuple[str, str], dict[str, SampledTexts]] = {}
        self._beforehand: dict[tuple[object, ...], float] = {}
        self.measurements: dict[tuple[str, str], Measurement] = {}

    def look_at(self, cells: Sequence[Cell]) -> None:
        """Sample the texts, and measure what no record tells of one of the cells."""
        from benchmark.backbones import load_tokenizer

        wanted: dict[tuple[str, str], set[str]] = {}
        example: dict[tuple[str, str], Cell] = {}
        for cell in cells:
            group = _group(cell)
            if group not in self._sets:
                tokenizer = load_tokenizer(cell.backbone)
                self._sets[group] = {
                    name: sample_texts(part.examples, tokenizer, cell.training.max_length)
                    for name, part in self._texts(cell).evaluation.items()
                }
            lacking = set(PHASES) - self._recorded(cell).keys()
            if lacking:
                wanted.setdefault(group, set()).update(lacking)
                example.setdefault(group, cell)
            if FINE_TUNING in lacking:
                self._count_beforehand(cell)
        for group, phases in wanted.items():
            self._reporter.say(f"measuring task {group[0]} on {group[1]}: {LIMIT:.0f} s at most, or a little more")
            cell = example[group]
            self.measurements[group] = measure(cell, self._texts(cell), self._sets[group], phases)

    def planned(self, cell: Cell, state: State, out: Path) -> PlannedCell:
        """The state of a cell to do, and its estimates."""
        from benchmark.backbones import load_tokenizer

        texts = self._texts(cell)
        recorded = self._recorded(cell)
        estimates: dict[str, Estimate] = {}
        if recorded.keys() != set(PHASES):
            estimates = estimates_by(
                self.measurements[_group(cell)],
                cell,
                texts,
                self._sets[_group(cell)],
                load_tokenizer(cell.backbone),
                self._beforehand.get(_method_key(cell), 0.0),
                self._execution,
            )
        estimates |= recorded
        state = with_checkpoint(state, cell, out, optimizer_steps(cell, texts))
        if state.kind == "resumes":
            estimates[FINE_TUNING] = estimates[FINE_TUNING].times(1 - state.step / state.steps)
        records = len(records_of(cell, self._records)) if recorded else 0
        return PlannedCell(cell, state, {phase: estimates[phase] for phase in PHASES}, records)

    def _texts(self, cell: Cell) -> LoadedTask:
        return self._data[data_key(cell)]

    def _recorded(self, cell: Cell) -> dict[str, Estimate]:
        return estimates_from(
            records_of(cell, self._records),
            cell,
            optimizer_steps(cell, self._texts(cell)),
            self._sets[_group(cell)],
            attacks_too=self._execution.attack_workers is None,
        )

    def _count_beforehand(self, cell: Cell) -> None:
        key = _method_key(cell)
        if key not in self._beforehand:
            self._beforehand[key] = units_beforehand(cell.build_method())


def _group(cell: Cell) -> tuple[str, str]:
    return cell.task.name, cell.backbone.name


def _method_key(cell: Cell) -> tuple[object, ...]:
    return cell.method_name, *sorted((name, repr(value)) for name, value in cell.hyper_parameters.items())
