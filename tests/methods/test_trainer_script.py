"""The example that turns a Trainer script into one under a method."""

import csv
import difflib
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModelForSequenceClassification, BertConfig, PreTrainedTokenizerFast

SCRIPT = Path(__file__).parents[2] / "examples" / "trainer_script.py"
PLAIN_COMMENT = "# Plain fine-tuning: "
WORDS = {"good": ["fine", "lovely", "great", "warm"], "bad": ["dull", "poor", "awful", "cold"]}


def plain_version() -> str:
    """The script with the method's line replaced by the one its comment shows, and the import that goes with it."""
    source = SCRIPT.read_text()
    (shown,) = [line.split(PLAIN_COMMENT)[1] for line in source.splitlines() if PLAIN_COMMENT in line]
    lines = []
    for line in source.splitlines():
        if line == "from methods import MethodTrainer, method_named":
            line = "from transformers import Trainer"
        elif "MethodTrainer(" in line:
            line = line[: len(line) - len(line.lstrip())] + shown
        lines.append(line)
    return "\n".join(lines) + "\n"


@pytest.fixture
def arguments(tmp_path) -> list[str]:
    """A tiny backbone and 32 texts, one word of each telling its class."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "film", *WORDS["good"], *WORDS["bad"]]
    ids = {word: index for index, word in enumerate(vocabulary)}
    words = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    backbone = tmp_path / "backbone"
    tokenizer.save_pretrained(backbone)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    configuration = BertConfig(vocab_size=len(vocabulary), pad_token_id=0, initializer_range=0.2, **shape)
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_config(configuration).save_pretrained(backbone)

    texts = tmp_path / "texts.csv"
    with texts.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for row in range(32):
            label = ("good", "bad")[row % 2]
            writer.writerow([("a ", "")[row % 3 == 0] + f"{WORDS[label][row // 2 % 4]} film", label])
    return [
        *("--model", str(backbone), "--train_file", str(texts), "--test_file", str(texts)),
        *("--learning_rate", "5e-3", "--report_to", "none", "--save_strategy", "no"),
        *("--per_device_train_batch_size", "4"),
        *("--use_cpu", "True", "--disable_tqdm", "True", "--output_dir", str(tmp_path / "out")),
    ]


def test_script_fine_tunes_under_a_method_and_saves_the_model(tmp_path, arguments):
    environment = {
        **os.environ,
        "HF_HOME": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    finished = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments, "--num_train_epochs", "15"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "eval_accuracy" in finished.stdout
    assert json.loads((tmp_path / "out" / "eval_results.json").read_text())["eval_accuracy"] > 0.9
    saved = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert saved.config.id2label == {0: "bad", 1: "good"}
    assert (tmp_path / "out" / "tokenizer.json").is_file()


def test_one_line_and_its_import_differ_from_a_plain_trainer_script(tmp_path, arguments, monkeypatch, capsys):
    source, plain = SCRIPT.read_text(), plain_version()
    difference = list(difflib.ndiff(source.splitlines(), plain.splitlines()))
    assert [line[2:].strip() for line in difference if line.startswith("- ")] == [
        "from methods import MethodTrainer, method_named",
        "trainer = MethodTrainer(method=method_named(script.method)(), **setup)",
    ]
    assert [line[2:].strip() for line in difference if line.startswith("+ ")] == [
        "from transformers import Trainer",
        "trainer = Trainer(**setup)",
    ]
    script = tmp_path / "plain.py"
    script.write_text(plain)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", [str(script), *arguments, "--max_steps", "2"])
    runpy.run_path(str(script), run_name="__main__")
    assert "eval_accuracy" in capsys.readouterr().out
    assert (tmp_path / "out" / "model.safetensors").is_file()
