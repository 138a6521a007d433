import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_temperature_scaling import naive_temperature, noisy

NAMES = ["advweight", "bitfit", "ema", "lora", "temperature-scaling", "wise-ft"]


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """What two processes end with, under each method."""
    folder = tmp_path_factory.mktemp("ends")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node=2",
        "--rdzv_backend=c10d",
        "--rdzv_endpoint=localhost:0",
        str(Path(__file__).with_name("two_processes_finish.py")),
        str(folder),
        *NAMES,
    ]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(folder / f"rank-{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.mark.parametrize("name", NAMES)
def test_two_processes_end_with_the_same_model(ends, name):
    first, second = (rank[name] for rank in ends)
    assert first["report"] == second["report"]
    assert first["weights"].keys() == second["weights"].keys()
    for weight in first["weights"]:
        assert torch.equal(first["weights"][weight], second["weights"][weight]), weight


def test_the_temperature_fits_the_examples_of_both_processes(ends, tiny_model):
    end = ends[0]["temperature-scaling"]
    temperature = end["report"]["temperature"]
    model = tiny_model("bert")
    model.load_state_dict(end["weights"])
    held_out = noisy(32)
    batch = {name: torch.stack([row[name] for row in held_out.rows]) for name in held_out.rows[0]}
    labels = batch.pop("labels")
    with torch.no_grad():
        logits = temperature * model.eval()(**batch).logits.double()
    assert temperature == pytest.approx(naive_temperature(logits, labels), abs=1e-4)
