import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_temperature_scaling import naive_temperature, noisy

from methods import methods
from methods.conformance.tiny_training import tiny_model

MASKING = {"roast": "multipliers", "roast-selective": "multipliers", "childtuning-d": "childtuning_d"}
"""Methods with a mask, and where their state keeps it."""


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What two processes saw, for every method."""
    folder = tmp_path_factory.mktemp("ranks")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node=2",
        "--rdzv_backend=c10d",
        "--rdzv_endpoint=localhost:0",
        str(Path(__file__).with_name("two_processes.py")),
        str(folder),
        *sorted(methods),
    ]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(folder / f"rank-{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.mark.parametrize("name", sorted(methods))
def test_two_processes_end_with_the_same_weights(ranks, name):
    first, second = (rank[name]["weights"] for rank in ranks)
    assert first.keys() == second.keys()
    assert [key for key in first if not torch.equal(first[key], second[key])] == []


@pytest.mark.parametrize("name", MASKING)
def test_two_processes_draw_the_same_masks(ranks, name):
    first, second = (rank[name]["state"][MASKING[name]] for rank in ranks)
    assert first
    assert first.keys() == second.keys()
    assert [key for key in first if not torch.equal(first[key], second[key])] == []


def test_the_temperature_fits_the_held_out_texts_of_both_processes(ranks):
    seen = ranks[0]["temperature-scaling"]
    temperature = seen["report"]["temperature"]
    model = tiny_model().eval()
    model.load_state_dict(seen["weights"])
    held_out = noisy(32)
    batch = {name: torch.stack([row[name] for row in held_out.rows]) for name in held_out.rows[0]}
    labels = batch.pop("labels")
    with torch.no_grad():
        logits = temperature * model(**batch).logits.double()
    assert temperature == pytest.approx(naive_temperature(logits, labels), abs=1e-4)
