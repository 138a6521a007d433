"""Going on from a checkpoint in which a pickle would run code: the code does not run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from methods import methods
from methods.conformance.tiny_training import trained
from methods.weights_only import weights_only

SAVING = {"save_strategy": "steps", "save_steps": 3, "num_train_epochs": 1}


class RunsCode:
    """Unpickled, it makes a folder."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("as_torch_file", [True, False], ids=["torch file", "plain pickle"])
@pytest.mark.parametrize(
    "name",
    [
        "optimizer.pt",
        "scheduler.pt",
        "rng_state.pth",
        "method_state.pt",
        "training_args.bin",
        "pytorch_model.bin",
    ],
)
def test_nothing_in_a_checkpoint_runs(
    name: str, as_torch_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # as other software of the user's may want it
    trained(methods["roast"](), tmp_path / "run", **SAVING)
    checkpoint = tmp_path / "run" / "checkpoint-3"
    if name == "pytorch_model.bin":
        (checkpoint / "model.safetensors").unlink()
    else:
        assert (checkpoint / name).is_file()
    hostile = {"value": RunsCode(tmp_path / "ran")}
    if as_torch_file:
        torch.save(hostile, checkpoint / name)
    else:
        (checkpoint / name).write_bytes(pickle.dumps(hostile))
    if name == "training_args.bin":  # written, never read
        trained(methods["roast"](), tmp_path / "run", resume=checkpoint, **SAVING)
    else:
        with pytest.raises((pickle.UnpicklingError, ValueError, RuntimeError)):
            trained(methods["roast"](), tmp_path / "run", resume=checkpoint, **SAVING)
    assert not (tmp_path / "ran").exists()
    assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "1"


def test_other_calls_are_made_safe_within_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    torch.save(RunsCode(tmp_path / "ran"), tmp_path / "file")
    with weights_only(), pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "file", weights_only=False)
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "file")
    assert (tmp_path / "ran").exists(), "the file does run code where it is not prevented"
