"""HiddenCut: hide a span of each layer's states and keep the prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from methods.architecture import SEQUENCE_FIRST, transformer_blocks, unwrap
from methods.base import Batch, Method
from methods.card import Card
from methods.classification import cross_entropy, without_labels
from methods.divergence import jensen_shannon
from methods.dropout import evaluation_mode
from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn


@register("hiddencut")
class HiddenCut(Method):
    """HiddenCut: cross-entropy on the text and with a span of states cut in every layer, and their divergence.

    With f̂ the model in which every layer sets a contiguous span of α·L token states to zero, the objective is ::

        CE(f(x), y) + γ·CE(f̂(x), y) + η·JS(f(x), f̂(x))

    JS is the Jensen-Shannon divergence, a mean over the batch; η is ``consistency_weight``, γ ``cut_loss_weight``. Each
    layer and text has its own span, anchored at a token drawn uniformly from the most attended share of the text's
    tokens: attention received in that layer of the clean pass, a mean over heads, a sum over tokens that are not
    padding. Nothing is cut outside the text or in evaluation.

    Attention weights come from the model itself (``output_attentions``). Models whose fused attention has none are
    switched to ``attn_implementation="eager"``, which is slower; ``strategy="random"`` needs none.

    Cost: 6 units against vanilla's 3 (two forwards 2, two full backwards 4).
    """

    card: ClassVar = Card(
        paper="Chen et al., HiddenCut: Simple Data Augmentation for Natural Language Understanding with Better "
        "Generalizability, ACL 2021",
        arxiv="2106.00149",
        code="https://github.com/SALT-NLP/HiddenCut",
        code_licence="none stated; built upon https://github.com/dinghanshen/Cutoff",
        cost="6",
        deviations=(
            "The released code draws the span's first token among the most attended; here its centre: anchor=start.",
            "A span that would leave the text is moved back inside; the released code cuts it short.",
            "Attention comes from the clean pass; the released code takes it within the cut pass, padding's included.",
            "In the cut pass the released code has the cut in place of the feed-forward dropout; here both act.",
            "The released code's divergence is ½·(KL(m‖p) + KL(m‖q)), its arguments swapped; here it is JS itself.",
            "The released code's least-attended variant also masks the span out of the next layer's attention and "
            "draws from 0.7 of the tokens; here the strategies differ in the ranking alone.",
        ),
    )

    cut_share: float = hyper_parameter(
        0.1,
        gt=0,
        le=1,
        description="α: length of the span, as a share of the text's tokens; at least one token",
        source="released code, run_glue_hidden_cutoff.sh: --aug_cutoff_ratio 0.1",
    )
    cut_loss_weight: float = hyper_parameter(
        1.0,
        ge=0,
        description="γ: weight of cross-entropy on the cut pass",
        source="released code, run_glue_hidden_cutoff.sh: --aug_ce_loss 1.0",
    )
    consistency_weight: float = hyper_parameter(
        1.0,
        ge=0,
        description="η: weight of the Jensen-Shannon divergence between the two predictions",
        source="released code, run_glue_hidden_cutoff.sh: --aug_js_loss 1.0",
    )
    strategy: Literal["attention", "least-attention", "random"] = hyper_parameter(
        "attention",
        description="tokens from which the anchor is drawn: the most attended, the least attended, or all",
        source="released code, run_glue_hidden_cutoff.sh: attn_span_cutoff; reverse_attn_span_cutoff is the least",
    )
    candidate_share: float = hyper_parameter(
        0.4,
        gt=0,
        le=1,
        description="share of the text's tokens from which the anchor is drawn; without effect on strategy=random",
        source="released code, modeling_bert.py, BertOutput: 0.4 for attn_span_cutoff",
    )
    anchor: Literal["centre", "start"] = hyper_parameter(
        "centre",
        description="where in the span the drawn token lies",
        source="this project: the drawn token is always cut with its neighbours; released code: start",
    )
    cut_states: Literal["feed-forward", "block"] = hyper_parameter(
        "feed-forward",
        description="states that are cut: the feed-forward layer's output, before it is added to the block's other "
        "branch, or the whole block's output",
        source="released code, modeling_bert.py, BertOutput: the output of its dense layer",
    )

    def prepare_model(self, model: nn.Module) -> None:
        """See to it that the model gives attention weights and that its states can be reached.

        Raises:
            ValueError: it does not give any, or they cannot.
        """
        super().prepare_model(model)
        inner: Any = unwrap(model)
        self._cut_modules(inner)
        if self.strategy == "random" or any(parameter.is_meta for parameter in inner.parameters()):
            return  # an empty model cannot be asked for its attention
        if not _gives_attention_weights(inner):
            inner.set_attn_implementation("eager")
            if not _gives_attention_weights(inner):
                raise ValueError(_without_attention_weights(inner))

    def step_units(self) -> float:
        """6: two forwards 2, two full backwards 4."""
        return 6.0

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Objective of one mini-batch, a scalar.

        Raises:
            ValueError: the model gives no attention weights, or recomputes its states (gradient checkpointing).
        """
        inner = unwrap(model)
        if getattr(inner, "is_gradient_checkpointing", False):
            raise ValueError(
                f"{type(inner).__name__}: HiddenCut cannot cut under gradient checkpointing; switch it off."
            )
        labels = batch["labels"]
        inputs = without_labels(batch)
        mask = inputs["attention_mask"]
        if self.strategy == "random":
            clean_logits = model(**inputs).logits
            cut_logits = self._cut_pass(model, inputs, lambda layer: torch.rand(mask.shape, device=mask.device))
        else:
            clean = model(**inputs, output_attentions=True)
            if not clean.attentions or clean.attentions[0] is None:
                raise ValueError(_without_attention_weights(inner))
            clean_logits, sign = clean.logits, 1.0 if self.strategy == "attention" else -1.0
            attended = [sign * _attention_received(weights.detach(), mask) for weights in clean.attentions]
            cut_logits = self._cut_pass(model, inputs, attended.__getitem__)
        return (
            cross_entropy(clean_logits, labels)
            + self.cut_loss_weight * cross_entropy(cut_logits, labels)
            + self.consistency_weight * jensen_shannon(clean_logits, cut_logits).mean()
        )

    def _cut_pass(self, model: nn.Module, inputs: Batch, scores: Callable[[int], Tensor]) -> Tensor:
        """Logits (B, C) of a pass with cut states; ``scores`` of a layer (B, L) rank its tokens as anchors."""
        inner: Any = unwrap(model)
        batch_first = inner.config.model_type not in SEQUENCE_FIRST
        mask = inputs["attention_mask"]

        def draw(layer: int) -> Tensor:
            span = self._draw_span(scores(layer), mask)[..., None]
            return span if batch_first else span.transpose(0, 1)

        with _cut(self._cut_modules(inner), draw):
            logits: Tensor = model(**inputs).logits
        return logits

    def _draw_span(self, scores: Tensor, attention_mask: Tensor) -> Tensor:
        """Positions that one layer cuts, (B, L), true in one span of each text."""
        text = attention_mask != 0
        lengths = text.sum(dim=1)
        first = text.int().argmax(dim=1)  # not 0 where padding is on the left
        spans = (lengths * self.cut_share).long().clamp(min=1)
        share = 1.0 if self.strategy == "random" else self.candidate_share
        candidates = (lengths * share).long().clamp(min=1)
        ranked = scores.masked_fill(~text, float("-inf")).argsort(dim=1, descending=True)
        drawn = (torch.rand(lengths.shape, device=scores.device) * candidates).long().minimum(candidates - 1)
        anchors = ranked.gather(1, drawn[:, None])[:, 0]
        starts = anchors - spans // 2 if self.anchor == "centre" else anchors
        starts = starts.minimum(first + lengths - spans).maximum(first)[:, None]
        positions = torch.arange(text.shape[1], device=text.device)
        return (positions >= starts) & (positions < starts + spans[:, None])

    def _cut_modules(self, model: Any) -> Sequence[nn.Module]:
        """Modules whose output is cut, each called once in a layer."""
        blocks = list(transformer_blocks(model))
        if self.cut_states == "block":
            return blocks
        width = int(model.config.hidden_size)
        found = [
            module
            for block in blocks
            for module in block.modules()
            if (widths := _projection(module)) is not None and widths[0] != width and widths[1] == width
        ]
        if len(found) % len(blocks) or not found:
            raise ValueError(
                f"{type(model).__name__}: the feed-forward layers' output cannot be located; set cut_states=block."
            )
        return found


def _projection(module: nn.Module) -> tuple[int, int] | None:
    """Input and output width of a linear layer."""
    from transformers.pytorch_utils import Conv1D

    if isinstance(module, torch.nn.Linear):
        return module.in_features, module.out_features
    if isinstance(module, Conv1D):
        return module.nx, module.nf
    return None


@contextmanager
def _cut(modules: Sequence[nn.Module], draw: Callable[[int], Tensor]) -> Iterator[None]:
    """Within the context, the states that a module puts out are zero where ``draw`` of its layer is true."""
    layer = 0

    def after(_: nn.Module, __: Any, output: Any) -> Any:
        nonlocal layer
        states, *rest = (output,) if isinstance(output, torch.Tensor) else output
        states = states.masked_fill(draw(layer), 0.0)
        layer += 1
        return states if isinstance(output, torch.Tensor) else (states, *rest)

    handles = [module.register_forward_hook(after) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _attention_received(weights: Tensor, attention_mask: Tensor) -> Tensor:
    """Attention that each token receives in a layer: weights (B, H, L, L), queries before keys, → (B, L)."""
    asking = (attention_mask != 0)[:, None, :, None]
    return weights.float().masked_fill(~asking, 0.0).sum(dim=2).mean(dim=1)


def _gives_attention_weights(model: nn.Module) -> bool:
    token = torch.ones((1, 2), dtype=torch.long, device=next(model.parameters()).device)
    with evaluation_mode(model), torch.no_grad():  # dropout would draw random numbers
        attentions = model(input_ids=token, attention_mask=token, output_attentions=True).attentions
    return bool(attentions) and attentions[0] is not None


def _without_attention_weights(model: nn.Module) -> str:
    return (
        f"{type(model).__name__}: it gives no attention weights; "
        'load it with attn_implementation="eager", or set strategy=random.'
    )
