"""The area under the ROC curve of many resamplings of the same texts at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ResampledDetection:
    """How well one classifier's scores tell anomalies from normal texts, when all of them are drawn again."""

    def __init__(self, normal: NDArray[np.float64], anomalous: Mapping[str, NDArray[np.float64]]) -> None:
        """From the scores, the higher the more unusual.

        Args:
            normal: of the normal texts, (n,).
            anomalous: set → of its texts, (m,).
        """
        import numpy as np

        self._order = np.argsort(normal, kind="stable").astype(np.int32)
        ordered = normal[self._order]
        self._places = {
            name: tuple(np.searchsorted(ordered, scores, side=side).astype(np.int32) for side in ("left", "right"))
            for name, scores in anomalous.items()
        }

    def areas(
        self, normal: NDArray[np.float32], anomalous: Mapping[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float64]]:
        """Chance that a drawn anomaly scores above a drawn normal text, ties counting half: set → (replicates,).

        Args:
            normal: how often each normal text was drawn, whole numbers, (n, replicates), columns adding up to n.
            anomalous: set → the same of its texts, (m, replicates).
        """
        import numpy as np

        texts, replicates = normal.shape
        found = {}
        # How many drawn texts are among the first i of the order.
        below = np.zeros((texts + 1, replicates), normal.dtype)
        np.cumsum(normal[self._order], axis=0, out=below[1:])
        for name, counts in anomalous.items():
            first, last = self._places[name]
            # Sums of whole numbers, and so exact, below 2²⁴ in single and 2⁵³ in double precision.
            exact = np.float32 if texts * len(counts) < 2**24 else np.float64
            won = np.einsum("ij,ij->j", below[first], counts, dtype=exact).astype(np.float64)
            tied = np.flatnonzero(first < last)
            if len(tied):
                between = below[last[tied]] - below[first[tied]]
                won += 0.5 * np.einsum("ij,ij->j", between, counts[tied], dtype=exact)
            found[name] = won / (texts * len(counts))
        return found
