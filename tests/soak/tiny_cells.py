"""Cells of seconds, and the command that runs them: a random two-layer BERT, and the made-up task of a plug-in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

GOOD = ["fine", "good", "great", "lovely", "superb"]
BAD = ["awful", "bad", "dull", "poor", "weak"]
OTHER = ["the", "film", "is", "a", "very", "plot", "and", "matrix", "tensor", "gradient", "kernel"]

PLUGIN = Path(__file__).parents[1] / "benchmark" / "example_plugin.py"
"""A method and a task of one's own, as a user writes them."""

WATCHED = Path(__file__).with_name("watched.py")
"""The command line, which can be told to be killed at a given change of a file."""

HERMETIC = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "10000"}
"""Environment of every process: no hub, one core, waiting threads leave the core to others."""


def write_tiny_bert(folder: Path) -> Path:
    """Write a backbone with a word-level vocabulary to a folder that does not exist; the same every time."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *GOOD, *BAD, *OTHER]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=64, **shape)).save_pretrained(folder)
    return folder


def run_arguments(plugin: Path, backbone: Path, out: Path, *, epochs: int = 2, attack: str = "none") -> list[object]:
    """Words after ``roast-bench`` that run task tiny; ``--method`` is left to the caller, ``--out`` comes last."""
    return [
        "run",
        *("--plugin", plugin),
        *("--task", "tiny"),
        *("--backbone", backbone),
        *("--epochs", epochs),
        *("--batch-size", 8),
        *("--learning-rate", 0.003),
        *("--attack", attack),
        *("--max-length", 64),
        *("--out", out),
    ]


def command(arguments: Sequence[object]) -> list[str]:
    """The whole command, in the Python of this process."""
    return [sys.executable, str(WATCHED), *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    """Environment of a command's process."""
    return {**os.environ, **HERMETIC, **more}


def run_once(arguments: Sequence[object], **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command(arguments), env=environment(**more), capture_output=True, text=True, check=False)
