"""What a method computes before its first step, counted."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methods import Method

if TYPE_CHECKING:
    from methods.fine_tuning_run import FineTuningRun


def units_beforehand(method: Method) -> float:
    """Floating-point operations of ``prepare`` in forward passes of a training mini-batch, for each mini-batch.

    Counted on the tiny model of ``roast-bench check-method``; a pass with gradients over the training set is 3. What
    does not grow with the training set is counted as if it did, which is little on so few texts.

    Args:
        method: a fresh instance, used up by the counting.
    """
    if type(method).prepare is Method.prepare:
        return 0.0
    import torch

    from methods.conformance.step_cost import WIDTH, FloatingPointOperations
    from methods.conformance.tiny_training import BATCH, STEPS_AN_EPOCH, SeparableTexts, tiny_model, tiny_trainer

    model = tiny_model(width=WIDTH)
    with FloatingPointOperations() as forward, torch.no_grad():
        model(**SeparableTexts(BATCH).as_batch())
    prepare = method.prepare
    counted = FloatingPointOperations()

    def counting(run: FineTuningRun) -> None:
        with counted:
            prepare(run)

    changed: Any = method
    changed.prepare = counting
    with tempfile.TemporaryDirectory() as folder:
        tiny_trainer(method, Path(folder), model, max_steps=1).train()
    return float(counted.total / forward.total / STEPS_AN_EPOCH)
