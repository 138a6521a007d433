"""The selective half of RoAST: gradients masked by the relative importance of their parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from methods.adversarial_perturbation import ARXIV, CODE, CODE_LICENCE, PAPER
from methods.architecture import encoder_parameters, layers_of_parameters
from methods.block_based import BlockBasedMethod
from methods.card import Card
from methods.gradient_mask import above_rank, draw_multiplier, keep_probabilities
from methods.hyper_parameter import hyper_parameter
from methods.importance import Importance, gradients_of_plain_training
from methods.kept_fraction import kept_fraction, kept_fraction_by_layer
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun


@register("roast-selective", short_name="selective")
class SelectiveTraining(BlockBasedMethod):
    """RoAST without perturbation: gradients masked by the relative importance of their parameters.

    For parameters θ of the transformer blocks, with I(θ) the mean squared gradient over mini-batches::

        s(θ) = rank of I(θ) among all of them, in [0, 1]     p(θ) = σ(2β·(s(θ) − α))
        m(θ) ~ Bernoulli(p(θ)) once per epoch                g ← g·m/p  (scaled)  or  g·m

    The first I comes from one pass over the training set with plain cross-entropy, dropout on; later ones from each
    epoch's own gradients, before masking. The mask is applied after gradient accumulation, before the optimizer's
    step: moments see masked gradients, weight decay acts everywhere. The mask is drawn from the run's seed and the
    epoch, so all processes of a data-parallel run draw the same one. The loss is vanilla's, or that of the method this
    one is combined with (``freelb+selective``).

    Cost: 3 units a step like vanilla, and one extra pass over the training set (3 units a step) before the first epoch
    where parameters are ranked by their gradients.
    """

    card: ClassVar = Card(
        paper=PAPER,
        arxiv=ARXIV,
        code=CODE,
        code_licence=CODE_LICENCE,
        cost="3, and one pass over the training set beforehand",
        deviations=(
            "The released code loses the first mini-batch of every importance accumulation; here all are counted.",
            "Equal importances share their mean rank; the released code orders them arbitrarily.",
        ),
    )
    published_settings: ClassVar = {
        "sentiment": {"alpha": 0.9, "beta": 10.0},
        "entailment": {"alpha": 0.6, "beta": 1.0},
    }

    alpha: float = hyper_parameter(
        0.9,
        ge=0,
        le=1,
        description="α: relative rank at which half of the gradients are kept; larger is sparser",
        source="released code, README: --alpha 0.9 for sentiment; paper: 0.6 for entailment, searched from 0.6 to 0.95",
    )
    beta: float = hyper_parameter(
        10.0,
        ge=0,
        description="β: steepness of the keep probability; larger is harder",
        source="released code, README: --beta 10 for sentiment; paper: 1 for entailment, searched over 1, 5 and 10",
    )
    scaled: bool = hyper_parameter(
        True,
        description="divide kept gradients by p, which makes them unbiased",
        source="released code, README: --unbiased_scale",
    )

    ranked_by: Literal["gradient", "magnitude", "random"] = hyper_parameter(
        "gradient",
        description="importance that is ranked: mean squared gradient, |θ|, or noise drawn anew each epoch",
        source="paper, section 3.2; the others are ablations",
    )
    mask: Literal["sampled", "hard"] = hyper_parameter(
        "sampled",
        description="m ~ Bernoulli(p), or m = 1 for the parameters with s(θ) > α and 0 for the others",
        source="paper, section 3.2; hard is an ablation",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._importance = Importance()
        self._multipliers: dict[str, Tensor] = {}
        self._kept_fractions: list[float] = []
        self._kept_fractions_by_layer: list[list[float]] = []

    def prepare(self, run: FineTuningRun) -> None:
        """Estimate the first importance over the training set, where gradients give it, and draw the first mask."""
        super().prepare(run)
        if self.ranked_by == "gradient":
            self._estimate_importance(run)
        self._draw(run)

    def transform_gradients(self, model: nn.Module) -> None:
        """Count the gradients towards the next importance, then mask them in place."""
        super().transform_gradients(model)
        gradients = {
            name: parameter.grad
            for name, parameter in model.named_parameters()
            if name in self._multipliers and parameter.grad is not None
        }
        if self.ranked_by == "gradient":
            self._importance.add(gradients)
        for name, gradient in gradients.items():
            gradient.mul_(self._multipliers[name])

    def end_epoch(self, run: FineTuningRun) -> None:
        """Draw the next epoch's mask from this epoch's importance."""
        super().end_epoch(run)
        self._draw(run)

    def report(self) -> dict[str, Any]:
        """What the masks kept, one value for each mask drawn.

        ``kept_fraction``: share of masked parameters whose gradient was kept; ``kept_fraction_by_layer``: the same of
        each transformer block.
        """
        return {
            **super().report(),
            "kept_fraction": self._kept_fractions,
            "kept_fraction_by_layer": self._kept_fractions_by_layer,
        }

    def state_dict(self) -> dict[str, Any]:
        """Importance, mask and figures."""
        return {
            **super().state_dict(),
            "importance": self._importance.state_dict(),
            "multipliers": self._multipliers,
            "kept_fractions": self._kept_fractions,
            "kept_fractions_by_layer": self._kept_fractions_by_layer,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore importance, mask and figures."""
        super().load_state_dict(state)
        self._importance.load_state_dict(state["importance"])
        self._multipliers = dict(state["multipliers"])
        self._kept_fractions = list(state["kept_fractions"])
        self._kept_fractions_by_layer = [list(layers) for layers in state["kept_fractions_by_layer"]]

    def _estimate_importance(self, run: FineTuningRun) -> None:
        for gradients in gradients_of_plain_training(run, encoder_parameters(run.model)):
            self._importance.add(gradients)
        self._importance.average_over_processes(run.mean_over_processes)

    def _current_importance(self, run: FineTuningRun) -> dict[str, Tensor]:
        if self.ranked_by == "gradient":
            return self._importance.mean()
        parameters = {name: parameter.detach() for name, parameter in encoder_parameters(run.model).items()}
        if self.ranked_by == "magnitude":
            return {name: parameter.abs().float() for name, parameter in parameters.items()}
        noise = _generator(run, next(iter(parameters.values())).device, purpose=RANKING)
        return {
            name: torch.rand(parameter.shape, generator=noise, device=parameter.device)
            for name, parameter in parameters.items()
        }

    def _draw(self, run: FineTuningRun) -> None:
        importance = self._current_importance(run)
        if self.mask == "hard":
            self._multipliers = above_rank(importance, self.alpha)
        else:
            probabilities = keep_probabilities(importance, self.alpha, self.beta)
            generator = _generator(run, next(iter(probabilities.values())).device, purpose=MASK)
            self._multipliers = {
                name: draw_multiplier(probability, generator, scaled=self.scaled)
                for name, probability in probabilities.items()
            }
        self._kept_fractions.append(kept_fraction(self._multipliers))
        self._kept_fractions_by_layer.append(kept_fraction_by_layer(self._multipliers, layers_of_parameters(run.model)))
        self._importance.reset()


MASK, RANKING = 0, 1
"""What random numbers are for; each purpose has a stream of its own."""


def _generator(run: FineTuningRun, device: torch.device, *, purpose: int) -> torch.Generator:
    """The same on every process, another one in every epoch."""
    generator = torch.Generator(device=device)
    generator.manual_seed(run.seed * 1_000_003 + run.finished_epochs + 500_000 * purpose)
    return generator
