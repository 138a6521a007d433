from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny_architectures import PADDING, VOCABULARY, tiny_configurations
from transformers import AutoModelForSequenceClassification

torch.set_num_threads(1)  # the models are tiny: more threads only wait for each other


@pytest.fixture
def tiny_model() -> Callable[..., Any]:
    def build(architecture: str = "bert", seed: int = 0, **changes: Any) -> Any:
        configuration = tiny_configurations()[architecture]
        for name, value in changes.items():
            setattr(configuration, name, value)
        torch.manual_seed(seed)
        return AutoModelForSequenceClassification.from_config(configuration)

    return build


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    """Four texts of different lengths, padded on the right."""
    generator = torch.Generator().manual_seed(7)
    lengths = [9, 6, 4, 9]
    tokens = torch.randint(2, VOCABULARY, (len(lengths), max(lengths)), generator=generator)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return {
        "input_ids": tokens * mask + PADDING * (1 - mask),
        "attention_mask": mask,
        "labels": torch.tensor([0, 1, 1, 0]),
    }
