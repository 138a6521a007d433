import os
import subprocess
import sys
from pathlib import Path

import torch


def test_two_processes_draw_the_same_masks_and_end_with_the_same_weights(tmp_path):
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node=2",
        "--rdzv_backend=c10d",
        "--rdzv_endpoint=localhost:0",
        str(Path(__file__).with_name("two_processes.py")),
        str(tmp_path),
    ]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (torch.load(tmp_path / f"rank-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert first["masks"]
    for what in ("masks", "weights"):
        assert first[what].keys() == second[what].keys()
        for name in first[what]:
            assert torch.equal(first[what][name], second[what][name]), name
