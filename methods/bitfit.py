"""Fine-tuning of the bias terms alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from methods.architecture import encoder_parameters, head_parameters
from methods.base import Method
from methods.card import Card
from methods.registry import register

if TYPE_CHECKING:
    from torch import nn

SHARE_OF_UNITS = 2 / 3
"""Of a full pass (forward 1, gradient of activations 1, gradient of weights 1), what is left without the last."""


@register("bitfit")
class BitFit(Method):
    """Only the bias terms of the pre-trained model and the new head are trained; all other weights stay frozen.

    Objective: CE(f(x), y) over the parameters named ``…bias`` (linear layers, layer normalisation, embeddings; XLNet's
    attention biases too) and the head. No hyper-parameters. Published runs use a learning rate near 1e-3, far above
    that of full fine-tuning.

    Cost: 2 units against vanilla's 3 (forward 1, backward through the activations 1, hardly anything for the biases).
    """

    card: ClassVar = Card(
        paper=(
            "Ben-Zaken et al., BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked "
            "Language-models, ACL 2022"
        ),
        arxiv="2106.10199",
        code="https://github.com/benzakenelad/BitFit",
        code_licence="MIT",
        cost="2",
        deviations=(
            "The learning rate is the run's; the released code's default is 1e-3 (run_glue.py), with batches of 8 and "
            "16 epochs.",
            "The released code can also train a subset of the bias terms (--bias-terms); here all of them.",
        ),
    )

    def prepare_model(self, model: nn.Module) -> None:
        """Freeze all but biases and head; what the user froze stays frozen.

        Raises:
            ValueError: the transformer blocks have no trainable biases.
        """
        super().prepare_model(model)
        if not any(name.endswith("bias") for name in encoder_parameters(model)):
            raise ValueError(
                f"{type(model).__name__}: its transformer blocks have no trainable biases; "
                "bitfit needs a model with biases, such as BERT or RoBERTa."
            )
        head = head_parameters(model)
        for name, parameter in model.named_parameters():
            if name not in head and not name.endswith("bias"):
                parameter.requires_grad_(False)

    def step_units(self) -> float:
        """2 of vanilla's 3: no gradients of weight matrices; of a combination as much less."""
        return SHARE_OF_UNITS * super().step_units()
