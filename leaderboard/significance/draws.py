"""The random draws of the bootstrap: which texts and which seeds make up each replicate."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TextDraws:
    """How often each text of a set is drawn, replicate by replicate: n draws with replacement out of n texts.

    The draws hang on the key and the number of texts alone, neither on how many replicates are asked for at a time
    nor on the release of NumPy, which keeps the raw stream of its bit generators (NumPy Enhancement Proposal 19).
    """

    def __init__(self, key: str, texts: int) -> None:
        self._stream = _stream(key)
        self._texts = texts

    def next(self, replicates: int) -> NDArray[np.float64]:
        """Counts of the next replicates: whole numbers, (texts, replicates), each column adding up to texts."""
        import numpy as np

        texts = self._texts
        # Two draws from each number of 64 bits, and an unused one at the end of a replicate with an odd number.
        words = self._stream.random_raw((replicates, (texts + 1) // 2)).astype("<u8", copy=False).view("<u4")[:, :texts]
        # Multiplied instead of divided: with 2³² numbers for at most 10⁵ texts, no text is favoured by 1 in 10⁴.
        drawn = (words.astype(np.int64) * texts) >> 32
        drawn *= replicates
        drawn += np.arange(replicates)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=texts * replicates)
        return counts.reshape(texts, replicates).astype(np.float64)


def drawn_seeds(seeds: Sequence[int], replicates: int) -> NDArray[np.intp]:
    """For each replicate as many seeds as there are, drawn with replacement.

    Every seed has a random priority at each draw, and the highest wins; so rows of the same seeds draw the same ones,
    rows that share some draw the same one as often as can be, and no row's draws hang on the other rows.

    Args:
        seeds: different from each other.
        replicates: how many.

    Returns:
        Positions in ``seeds``, (seeds, replicates).
    """
    import numpy as np

    priorities = np.stack([_stream(f"seed {seed}").random_raw((len(seeds), replicates)) for seed in seeds])
    return np.asarray(priorities.argmax(axis=0), dtype=np.intp)


def _stream(key: str) -> np.random.PCG64:
    import numpy as np

    digest = hashlib.sha256(key.encode(errors="backslashreplace")).digest()
    return np.random.PCG64([int.from_bytes(digest[start : start + 4], "little") for start in range(0, 32, 4)])
