"""Words ranked by the gradient of the model's loss (A2T)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.attacks.textattack_offline import import_textattack
from benchmark.attacks.word_tokens import tokens_of, word_places

if TYPE_CHECKING:
    from textattack.shared import AttackedText

    from benchmark.white_box import WhiteBox


def gradient_ranking(model: WhiteBox, text: AttackedText, indices: Sequence[int]) -> list[int]:
    """Words by the L1 norm of their tokens' mean gradient, largest first; ties in the order of the text.

    Args:
        model: the model under attack.
        text: the text or pair.
        indices: of the words to rank; those that the model does not see are left out.
    """
    seen = model.gradient(text.tokenizer_input)
    places = word_places(text)
    positions = {index: tokens_of(places[index], seen) for index in sorted(indices)}
    ranked = [index for index, found in positions.items() if found]
    norms = np.array([np.abs(seen.gradient[positions[index]].mean(axis=0)).sum() for index in ranked])
    return [ranked[row] for row in np.argsort(-norms, kind="stable")]


def greedy_search_by_gradient(model: WhiteBox) -> Any:
    """TextAttack's greedy word search as a class, with the words in the order of :func:`gradient_ranking`."""
    base: Any = import_textattack().search_methods.GreedyWordSwapWIR

    class GreedySearchByGradient(base):  # type: ignore[misc]
        def _get_index_order(self, initial_text: AttackedText, max_len: int = -1) -> tuple[list[int], bool]:
            _, indices = self.get_indices_to_order(initial_text)
            return gradient_ranking(model, initial_text, indices), False

    return GreedySearchByGradient
