from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from restored_registries import restored_registries
from tiny_cells import PLUGIN, run_arguments, write_tiny_bert

torch.set_num_threads(1)  # the models are tiny: more threads only wait for each other


@pytest.fixture(autouse=True)
def registries_restored() -> Iterator[None]:
    """What a test registers is gone afterwards."""
    with restored_registries():
        yield


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A plug-in file outside the repository: method half-loss, task tiny."""
    path = tmp_path / "mine.py"
    path.write_bytes(PLUGIN.read_bytes())
    return path


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer BERT with a word-level vocabulary, as a folder."""
    return write_tiny_bert(tmp_path_factory.mktemp("backbones") / "tiny-bert")


@dataclass(frozen=True)
class Invocation:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def roast_bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Invocation]:
    """Run the command line in this process."""
    from benchmark.command_line import main

    def invoke(*arguments: object) -> Invocation:
        monkeypatch.setattr(sys, "argv", ["roast-bench", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        captured = capsys.readouterr()
        return Invocation(int(left.value.code or 0), captured.out, captured.err)

    return invoke


@pytest.fixture
def tiny_run(plugin: Path, tiny_backbone: Path, tmp_path: Path) -> list[object]:
    """Arguments of a run of seconds: task tiny on the tiny backbone."""
    return run_arguments(plugin, tiny_backbone, tmp_path / "out")
