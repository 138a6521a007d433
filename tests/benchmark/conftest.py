from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # the models are tiny: more threads only wait for each other

GOOD = ["fine", "good", "great", "lovely", "superb"]
BAD = ["awful", "bad", "dull", "poor", "weak"]
OTHER = ["the", "film", "is", "a", "very", "plot", "and", "matrix", "tensor", "gradient", "kernel"]

PLUGIN = Path(__file__).with_name("example_plugin.py")
"""A method and a task of one's own, as a user writes them."""


@pytest.fixture(autouse=True)
def registries_restored() -> Iterator[None]:
    """What a test registers is gone afterwards."""
    from benchmark.attacks import attacks
    from benchmark.plugins import plugin_sources
    from methods import methods, short_names
    from tasks import tasks

    kept = [(registry, dict(registry)) for registry in (methods, short_names, tasks, attacks, plugin_sources)]
    modules = set(sys.modules)
    yield
    for registry, content in kept:
        registry.clear()
        registry.update(content)
    for name in set(sys.modules) - modules:
        if name.startswith("roast_bench_plugin"):
            del sys.modules[name]


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A plug-in file outside the repository: method half-loss, task tiny."""
    path = tmp_path / "mine.py"
    path.write_bytes(PLUGIN.read_bytes())
    return path


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer BERT with a word-level vocabulary, as a folder."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("backbones") / "tiny-bert"
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *GOOD, *BAD, *OTHER]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=64, **shape)).save_pretrained(folder)
    return folder


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
    return [
        "run",
        "--plugin",
        plugin,
        "--task",
        "tiny",
        "--backbone",
        tiny_backbone,
        "--epochs",
        2,
        "--batch-size",
        8,
        "--learning-rate",
        0.003,
        "--attack",
        "none",
        "--max-length",
        64,
        "--out",
        tmp_path / "out",
    ]
