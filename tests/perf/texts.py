"""Real sentences for measurements: a fixed sample of SST-2 from a mirror."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet

SEED = 0
SST2 = "stanfordnlp/sst2/default"

NO_MIRROR = "left out: no mirror; name one with --mirror or ROAST_BENCH_MIRROR"


def read_sst2(mirror: Path, split: str, count: int | None = None, seed: int = SEED) -> tuple[list[str], list[int]]:
    """A fixed sample of SST-2 sentences and labels, without trailing spaces, in random order; None is all of them."""
    table = pyarrow.parquet.read_table(mirror / SST2 / f"{split}.parquet", columns=["sentence", "label"])
    rows = np.random.default_rng(seed).choice(table.num_rows, count or table.num_rows, replace=False)
    chosen = table.take(rows)
    return [text.strip() for text in chosen["sentence"].to_pylist()], chosen["label"].to_pylist()
