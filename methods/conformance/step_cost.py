"""Cost of a step, counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from methods.base import Method
from methods.conformance.tiny_training import BATCH, SeparableTexts, tiny_model, tiny_trainer

WIDTH = 64
"""Wide enough for the linear layers to outweigh attention, whose backward pass costs otherwise."""


class FloatingPointOperations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the floating-point operations of matrix products within the context.

    By torch's own formulas; its FlopCounterMode also follows modules, which fails under ``torch.autograd.grad``.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += int(formula(*args, **(kwargs or {}), out_val=result))
        return result


def counted_units(method: Method, folder: Path) -> float:
    """Floating-point operations of a training step in forward passes of the model, a mean over two epochs' steps.

    What ``prepare`` costs is not counted.
    """
    model = tiny_model(width=WIDTH)
    forward = _operations_of_forward(model)
    trainer = tiny_trainer(method, folder, model)
    operations: list[int] = []
    training_step = trainer.training_step

    def counted(*positional: Any, **keywords: Any) -> torch.Tensor:
        with FloatingPointOperations() as counter:
            loss = training_step(*positional, **keywords)
        operations.append(counter.total)
        return loss

    trainer.training_step = counted  # type: ignore[method-assign]
    trainer.train()
    return sum(operations) / len(operations) / forward


def _operations_of_forward(model: torch.nn.Module) -> int:
    with FloatingPointOperations() as counter, torch.no_grad():
        model(**SeparableTexts(BATCH).as_batch())
    return int(counter.total)
