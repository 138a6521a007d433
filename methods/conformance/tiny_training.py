"""The smallest real training there is: a random two-layer BERT on texts that a line could separate."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_callback import PrinterCallback
from transformers.utils import logging

from methods.architecture import head_parameters
from methods.base import Batch, Method
from methods.trainer import MethodTrainer
from methods.vanilla import Vanilla

VOCABULARY = 60
PADDING = 0
LENGTH = 8
TEXTS = 48
BATCH = 8
STEPS_AN_EPOCH = TEXTS // BATCH
SEED = 3


class SeparableTexts(torch.utils.data.Dataset[Batch]):
    """Tokens 2 to 29 mean class 0, tokens 30 to 57 class 1; texts of 4 to 8 tokens, padded to 8."""

    def __init__(self, size: int = TEXTS) -> None:
        generator = torch.Generator().manual_seed(1)
        self.rows: list[Batch] = []
        for row in range(size):
            label = row % 2
            tokens = torch.randint(2 + 28 * label, 30 + 28 * label, (LENGTH,), generator=generator)
            mask = (torch.arange(LENGTH) < 4 + row % 5).long()
            self.rows.append({"input_ids": tokens * mask, "attention_mask": mask, "labels": torch.tensor(label)})

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> Batch:
        return self.rows[row]

    def as_batch(self) -> Batch:
        """All texts as one mini-batch."""
        return {name: torch.stack([row[name] for row in self.rows]) for name in self.rows[0]}


def tiny_model(*, dropout: float = 0.1, width: int = 16) -> BertForSequenceClassification:
    """A classifier with random weights, always the same ones."""
    torch.manual_seed(0)
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=VOCABULARY,
            pad_token_id=PADDING,
            hidden_size=width,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=2 * width,
            max_position_embeddings=32,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )
    )


def pretrained_model() -> BertForSequenceClassification:
    """The tiny classifier whose blocks and embeddings know the texts, with a new head: what fine-tuning starts from."""
    model = tiny_model(dropout=0.0)
    new_head = {name: model.state_dict()[name].clone() for name in head_parameters(model)}
    model.load_state_dict({**_plainly_trained(), **new_head})
    return model


@cache
def _plainly_trained() -> dict[str, torch.Tensor]:
    with TemporaryDirectory() as folder:
        trainer = tiny_trainer(
            Vanilla(), Path(folder), tiny_model(dropout=0.0), num_train_epochs=10, learning_rate=5e-3
        )
        trainer.train()
    return weights(trainer.model)


def tiny_tokenizer(vocabulary: int = VOCABULARY) -> PreTrainedTokenizerFast:
    """One word for each token id: ``word2`` is token 2."""
    words = {"[PAD]": 0, "[UNK]": 1, **{f"word{token}": token for token in range(2, vocabulary)}}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")


def arguments(folder: Path, **changes: Any) -> TrainingArguments:
    """Two epochs of six steps on the processor, without checkpoints, unless changed."""
    settings = {
        "output_dir": str(folder),
        "num_train_epochs": 2,
        "per_device_train_batch_size": BATCH,
        "per_device_eval_batch_size": BATCH,
        "learning_rate": 1e-3,
        "seed": SEED,
        "report_to": "none",
        "disable_tqdm": True,
        "save_strategy": "no",
        "max_grad_norm": 0.0,
        "logging_strategy": "no",
        "use_cpu": True,
        "dataloader_pin_memory": False,
    }
    # The precision of one training stays in the environment, where the next one would take it from.
    os.environ["ACCELERATE_MIXED_PRECISION"] = "bf16" if changes.get("bf16") else "no"
    return TrainingArguments(**{**settings, **changes})


def tiny_trainer(method: Method, folder: Path, model: torch.nn.Module | None = None, **changes: Any) -> MethodTrainer:
    """A trainer of the tiny model under a method, seeded."""
    model = tiny_model() if model is None else model
    set_seed(SEED)
    trainer = MethodTrainer(
        model=model,
        args=arguments(folder, **changes),
        train_dataset=SeparableTexts(),
        eval_dataset=SeparableTexts(BATCH),
        processing_class=tiny_tokenizer(),
        method=method,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def trained(method: Method, folder: Path, resume: Path | None = None, **changes: Any) -> MethodTrainer:
    """The trainer after training."""
    trainer = tiny_trainer(method, folder, **changes)
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    finally:
        logging.set_verbosity(verbosity)
    return trainer


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies of all parameters and buffers, by name."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def first_difference(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> str | None:
    """Name of the first tensor that is not equal to the bit, or that only one of the two has."""
    for name in sorted(one.keys() | other.keys()):
        if name not in one or name not in other or not torch.equal(one[name], other[name]):
            return name
    return None
