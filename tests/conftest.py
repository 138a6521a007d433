from __future__ import annotations

import gc
import os

import pytest

# Before torch is loaded: tests never reach a hub, each of several test processes takes one core, and waiting threads
# leave the cores to others.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True, scope="session")
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the leaderboard remembers is not the user's."""
    os.environ["ROAST_BENCH_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True, scope="module")
def loaded_modules_left_out_of_garbage_collection() -> None:
    """The Trainer collects garbage twice a training, which takes longer than a tiny training itself."""
    gc.collect()
    gc.freeze()
