"""A model for measurements of steps."""

from __future__ import annotations

import torch
from transformers import BertConfig, BertForSequenceClassification


def minilm_shaped() -> BertForSequenceClassification:
    """A classifier with MiniLM's shape (6 layers, 384 wide, 30,522 tokens) and random weights, always the same ones."""
    torch.manual_seed(0)
    shape = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
    return BertForSequenceClassification(BertConfig(**shape))
