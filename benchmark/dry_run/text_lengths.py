"""How long texts are in tokens, from a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks import Examples

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

TEXTS = 256
"""Most texts of a set that are tokenised; they stand for all of it."""


@dataclass(frozen=True)
class SampledTexts:
    """Texts spread over a set, and how long they are."""

    examples: Examples
    lengths: NDArray[np.int64]
    """Tokens of each, (n,), cut at the maximum length."""
    rows: int
    """Texts of the whole set."""

    @property
    def mean(self) -> float:
        """Tokens of a text."""
        return float(self.lengths.mean()) if len(self.lengths) else 0.0


def sample_texts(examples: Examples, tokenizer: PreTrainedTokenizerBase, max_length: int) -> SampledTexts:
    """Texts at equal distances in a set, tokenised."""
    import numpy as np

    rows = np.linspace(0, len(examples) - 1, min(TEXTS, len(examples))).round().astype(int).tolist()
    chosen = examples.select(rows)
    found = tokenizer(*chosen.columns(), truncation=True, max_length=max_length)["input_ids"] if rows else []
    return SampledTexts(chosen, np.array([len(ids) for ids in found], dtype=np.int64), len(examples))


def tokens_in_all(rows: Mapping[str, int], sets: Mapping[str, SampledTexts]) -> float | None:
    """Tokens of so many texts of each set; None where a set is unknown."""
    if not rows.keys() <= sets.keys():
        return None
    return sum(count * sets[name].mean for name, count in rows.items())
