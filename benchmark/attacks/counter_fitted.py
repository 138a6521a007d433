"""Counter-fitted word vectors from the disk, as TextAttack's recipes want them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.attacks.plain_pickle import NotPlainError, load_plain_pickle
from benchmark.attacks.textattack_offline import import_textattack
from benchmark.errors import UserError

if TYPE_CHECKING:
    from textattack.shared import WordEmbedding

SHARED = "textattack_counterfitted_GLOVE_embedding"
"""Under this key TextAttack keeps the vectors once they are loaded, and takes them from there."""


def load_counter_fitted(folder: Path) -> WordEmbedding:
    """The vectors, once for the whole process.

    TextAttack's own loader unpickles whatever its files hold; here they can hold plain values alone.

    Args:
        folder: TextAttack's folder ``paragramcf``.

    Raises:
        UserError: a file is damaged, or holds more than plain values.
    """
    import numpy as np

    shared: dict[str, Any] = import_textattack().shared.utils.GLOBAL_OBJECTS
    if SHARED in shared:
        return shared[SHARED]
    try:
        vectors = np.load(folder / "paragram.npy", allow_pickle=False)
        neighbours = np.load(folder / "nn.npy", allow_pickle=False)
        numbers = load_plain_pickle(folder / "wordlist.pickle")
        words = {number: word for word, number in numbers.items()}
        distances, cosines = (load_plain_pickle(folder / name) for name in ("mse_dist.p", "cos_sim.p"))
    except NotPlainError as error:
        raise UserError(f"counter-fitted word vectors: {error}; fetch them again.") from None
    except (OSError, ValueError, EOFError, AttributeError, TypeError) as error:
        raise UserError(f"counter-fitted word vectors: {folder} is damaged ({error}); fetch them again.") from None
    embedding = import_textattack().shared.WordEmbedding(vectors, numbers, words, neighbours)
    embedding._mse_dist_mat, embedding._cos_sim_mat = distances, cosines
    shared[SHARED] = embedding
    return embedding
