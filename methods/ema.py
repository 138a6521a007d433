"""A moving average of the weights, kept beside those being trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from methods.anchor import copied, exchanged
from methods.base import Method
from methods.card import Card
from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun


@register("ema")
class Ema(Method):
    """Plain training of the weights; evaluated and kept is their exponential moving average over the steps.

    After the n-th averaged step, with weights θ_n and decay d::

        d_n = min(d, 1 − 1/n)        θ̄_n = d_n·θ̄_{n−1} + (1 − d_n)·θ_n

    so θ̄ starts as θ_1 and is the plain average of all weights until n reaches 1/(1−d): no trace of the starting weights
    and no bias to correct. ``ema_decay`` 1 stays with the plain average; together with a late ``ema_start`` that is the
    average of stochastic weight averaging (Izmailov et al. 2018, 1803.05407; its code starts at epoch 161 of 200).

    Evaluation during training, and with it the choice of the epoch, sees the average; training goes on from the raw
    weights. Frozen parameters are not averaged.

    Cost: 3 units like vanilla, one pass over the weights a step, and one copy of them in memory and in checkpoints.
    """

    card: ClassVar = Card(
        paper=(
            "Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, SIAM J. Control Optim. 1992; "
            "decay and start as Tarvainen and Valpola, Mean Teachers Are Better Role Models, NeurIPS 2017"
        ),
        arxiv="1703.01780",
        code="https://github.com/CuriousAI/mean-teacher",
        code_licence="CC BY-NC 4.0",
        cost="3",
        deviations=(
            "The mean teacher also learns from its average; here only the average is taken from it.",
            "Stochastic weight averaging averages once an epoch under a constant or cyclical learning rate; here every "
            "step is averaged under the run's own schedule.",
        ),
    )

    ema_decay: float = hyper_parameter(
        0.999,
        ge=0,
        le=1,
        description="d: share of the average kept at each step; 1 for the plain average of all steps",
        source="mean-teacher released code, pytorch/mean_teacher/cli.py: --ema-decay 0.999",
    )
    ema_start: float = hyper_parameter(
        0.0,
        ge=0,
        lt=1,
        description="share of all steps before averaging begins; until then the weights themselves are evaluated",
        source="this project: 0 averages from the first step on, as mean-teacher does; weight averaging starts late",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._average: dict[str, Tensor] = {}
        self._averaged_steps = 0

    def end_step(self, run: FineTuningRun) -> None:
        """Count the new weights towards the average."""
        super().end_step(run)
        if run.step + 1 <= self.ema_start * run.total_steps:
            return
        trained = [(name, parameter) for name, parameter in run.model.named_parameters() if parameter.requires_grad]
        self._averaged_steps += 1
        if self._averaged_steps == 1:
            self._average = copied(trained)
            return
        decay = min(self.ema_decay, 1.0 - 1.0 / self._averaged_steps)
        with torch.no_grad():
            for name, parameter in trained:
                self._average[name].lerp_(parameter, 1.0 - decay)

    def evaluated_weights(self, model: nn.Module) -> AbstractContextManager[None]:
        """The average; a method combined with this one starts from there."""
        return _within(exchanged(model, self._average), super().evaluated_weights(model))

    def finish(self, run: FineTuningRun) -> None:
        """Leave the kept epoch's average in the model, before methods combined with this one finish."""
        with torch.no_grad():
            for name, parameter in run.model.named_parameters():
                if name in self._average:
                    parameter.copy_(self._average[name])
        self._average = {}
        super().finish(run)

    def state_dict(self) -> dict[str, Any]:
        """The average and how many steps are in it."""
        return {**super().state_dict(), "ema_average": self._average, "ema_averaged_steps": self._averaged_steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the average."""
        super().load_state_dict(state)
        self._average = copied(state["ema_average"].items())
        self._averaged_steps = int(state["ema_averaged_steps"])


@contextmanager
def _within(outer: AbstractContextManager[None], inner: AbstractContextManager[None]) -> Iterator[None]:
    with outer, inner:
        yield
