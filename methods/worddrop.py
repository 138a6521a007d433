"""Word dropping: learn from texts in which some tokens cannot be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from methods.base import Batch, Method
from methods.card import Card
from methods.classification import cross_entropy, without_labels
from methods.divergence import symmetric_kl
from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun


@register("worddrop")
class WordDrop(Method):
    """Word dropping: cross-entropy with random tokens hidden from attention, and consistency with the whole text.

    With x̂ the text x in which each token that is not special is hidden with probability p, at least one kept, ::

        CE(f(x̂), y) + λ·SKL(f(x), f(x̂))

    SKL is averaged over the batch; λ is ``consistency_weight``. A hidden token keeps its position but is masked out of
    attention, like padding.

    Cost: 6 units against vanilla's 3 (two forwards 2, two full backwards 4); 3 with λ = 0, which needs no clean pass.
    """

    card: ClassVar = Card(
        paper="word dropping as a regulariser; a baseline of Kim et al., RoAST, Findings of EMNLP 2023",
        arxiv="2312.04032",
        code="https://github.com/bbuing9/RoAST",
        code_licence="mostly CC-BY-NC, as its README states",
        cost="6 (3 with consistency_weight=0)",
        deviations=(
            "RoAST's released code sets the embedding output of dropped positions to zero, special tokens and padding "
            "among them, and leaves them in attention; here tokens are masked out of attention and specials are kept.",
            "RoAST's released code has cross-entropy on the clean view alone, halved, and the divergence summed over "
            "the batch; here it is on the dropped view, and the divergence is averaged.",
        ),
    )

    drop_probability: float = hyper_parameter(
        0.1,
        ge=0,
        le=1,
        description="p: probability with which a token is hidden; at 1 a single token of each text is kept",
        source="this project: one token in ten; RoAST's released code has the switch dropword_prob, set to 0",
    )
    consistency_weight: float = hyper_parameter(
        1.0,
        ge=0,
        description="λ: weight of the symmetric divergence between the clean and the dropped view",
        source="this project: as much as cross-entropy",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._special_tokens: list[int] = []

    def prepare(self, run: FineTuningRun) -> None:
        """Note which tokens are special."""
        super().prepare(run)
        self._special_tokens = sorted(run.special_token_ids())

    def step_units(self) -> float:
        """6: two forwards 2, two full backwards 4; 3 without the clean view."""
        return 6.0 if self.consistency_weight else 3.0

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Objective of one mini-batch, a scalar."""
        inputs = without_labels(batch)
        visible = self._draw_visible(inputs["input_ids"], inputs["attention_mask"])
        dropped_logits = model(**{**inputs, "attention_mask": visible}).logits
        objective = cross_entropy(dropped_logits, batch["labels"])
        if not self.consistency_weight:
            return objective
        clean_logits = model(**inputs).logits
        return objective + self.consistency_weight * symmetric_kl(clean_logits, dropped_logits).mean()

    def state_dict(self) -> dict[str, Any]:
        """Ids of the special tokens."""
        return {**super().state_dict(), "worddrop_special_tokens": self._special_tokens}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the ids of the special tokens."""
        super().load_state_dict(state)
        self._special_tokens = list(state["worddrop_special_tokens"])

    def _draw_visible(self, token_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Attention mask (B, L) of the dropped view."""
        special = torch.tensor(self._special_tokens, dtype=token_ids.dtype, device=token_ids.device)
        words = (attention_mask != 0) & ~torch.isin(token_ids, special)
        draws = torch.rand(token_ids.shape, device=token_ids.device).masked_fill(~words, -1.0)
        largest = draws == draws.amax(dim=1, keepdim=True)  # kept whatever happens: no text loses all of its words
        dropped = words & (draws < self.drop_probability) & ~largest
        return attention_mask.masked_fill(dropped, 0)
