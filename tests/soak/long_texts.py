"""Parquet files of many labelled texts, and the peak memory of a process."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tiny_cells import BAD, GOOD, OTHER

SHORTEST, LONGEST = 100, 1_000
"""Characters of a text, about; half of the texts have fewer than their geometric mean, 316."""

ROWS_MADE = 10_000
"""Rows that are made at a time."""

POLL_SECONDS = 0.02


def write_long_texts(path: Path, rows: int, seed: int = 0) -> int:
    """Write a file with the columns text and label, all in one row group, as most libraries write it.

    Returns:
        Characters of its texts.
    """
    import numpy as np
    import pyarrow
    import pyarrow.parquet

    generator = np.random.default_rng(seed)
    words = " ".join(generator.choice([*GOOD, *BAD, *OTHER], 200_000))
    schema = pyarrow.schema({"text": pyarrow.string(), "label": pyarrow.int64()})
    characters = 0
    batches = []
    for first in range(0, rows, ROWS_MADE):
        size = min(ROWS_MADE, rows - first)
        starts = generator.integers(0, len(words) - LONGEST, size)
        lengths = np.exp(generator.uniform(np.log(SHORTEST), np.log(LONGEST), size)).astype(np.int64)
        # The number keeps texts apart; it is the unknown token to the tiny vocabulary.
        texts = [
            f"{first + row} {words[start : start + length]}"
            for row, (start, length) in enumerate(zip(starts, lengths, strict=True))
        ]
        characters += sum(map(len, texts))
        batches.append(pyarrow.record_batch([texts, generator.integers(0, 2, size)], schema=schema))
    pyarrow.parquet.write_table(pyarrow.Table.from_batches(batches), path, row_group_size=rows)
    return characters


@dataclass(frozen=True)
class Measured:
    """A process that ended."""

    code: int
    out: str
    err: str
    peak_bytes: int
    """Largest resident memory, from the start to the end."""
    seconds: float


def measured(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Measured:
    """Run a command and watch its resident memory, from outside: a process may start its own peak anew."""
    started = time.perf_counter()
    peak = 0
    with (folder / "stdout").open("wb+") as out, (folder / "stderr").open("wb+") as err:
        process = subprocess.Popen(command, env=dict(environment), stdout=out, stderr=err)
        while process.poll() is None:
            peak = max(peak, _high_water_mark(process.pid))
            time.sleep(POLL_SECONDS)
    return Measured(
        process.returncode,
        (folder / "stdout").read_text(encoding="utf-8"),
        (folder / "stderr").read_text(encoding="utf-8"),
        peak,
        time.perf_counter() - started,
    )


def _high_water_mark(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:  # it has just ended
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
