"""The random numbers of the bootstrap: which texts make up each replicate, and how seeds are weighted in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
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


def seed_weights(seeds: Sequence[int], replicates: int) -> NDArray[np.float64]:
    """For each replicate, weights whose sum of products with the seeds' scores deviates as their mean does.

    Of n scores with sample standard deviation s, that sum is distributed like s / √n times a t variable with n − 1
    degrees of freedom: what the t interval of a mean over seeds is made from. (Drawing n seeds out of n with
    replacement instead shows (n − 1) / n of the variance and no heavy tails: in simulations with three seeds, one
    comparison in five was then called significant at p < 0.05 where there is no difference.)

    The numbers behind the weights hang on the seed and the replicate; so rows of the same seeds have the same weights,
    the difference of two such rows is weighted like a row, and no row's weights hang on the other rows.

    Args:
        seeds: two or more, different from each other.
        replicates: how many.

    Returns:
        (seeds, replicates); each column adds up to 0.
    """
    import numpy as np

    freedom = len(seeds) - 1
    normal = np.stack([_normal(f"seed {seed}", replicates) for seed in seeds])
    chi_square = sum(_normal(f"degree of freedom {degree}", replicates) ** 2 for degree in range(1, freedom + 1))
    return np.asarray((normal - normal.mean(axis=0)) / np.sqrt(chi_square * len(seeds)), dtype=np.float64)


@lru_cache(maxsize=64)  # the rows and columns of a table ask for the same ones
def _normal(key: str, replicates: int) -> NDArray[np.float64]:
    """Standard normal numbers, the same under every release of NumPy (`RandomState` is frozen)."""
    import numpy as np

    return np.random.RandomState(_words(key)).standard_normal(replicates)


def _stream(key: str) -> np.random.PCG64:
    import numpy as np

    return np.random.PCG64(_words(key))


def _words(key: str) -> list[int]:
    digest = hashlib.sha256(key.encode(errors="backslashreplace")).digest()
    return [int.from_bytes(digest[start : start + 4], "little") for start in range(0, 32, 4)]
