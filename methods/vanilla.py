"""Plain fine-tuning."""

from __future__ import annotations

from typing import ClassVar

from methods.base import Method
from methods.card import Card
from methods.registry import register


@register("vanilla")
class Vanilla(Method):
    """Plain fine-tuning: mean cross-entropy, the reference of every comparison.

    Objective: CE(f(x), y). No hyper-parameters. Cost: 3 units (forward 1, full backward 2).
    """

    card: ClassVar = Card(
        paper="Devlin et al., BERT: Pre-training of Deep Bidirectional Transformers, NAACL 2019 (fine-tuning)",
        arxiv="1810.04805",
        code="https://github.com/google-research/bert",
        code_licence="Apache-2.0",
        cost="3",
        reproduction="equal to the plain Trainer's weights to the bit (tests/methods/test_trainer.py)",
    )
