"""Keep probabilities by bucketed ranks against a double argsort over one flat array, side by side.

Run: ``python tests/perf/mask_refresh.py [--millions 85] [--rounds 3]``

Prints median seconds, their ratio, the largest difference of the ranks, and the growth of resident memory.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time

import torch

from methods.gradient_mask import keep_probabilities, keep_probability
from methods.relative_rank import RelativeRank

ALPHA, BETA = 0.9, 10.0


def importance(count: int) -> dict[str, torch.Tensor]:
    """Squared gradients over many magnitudes, in matrices of two million."""
    generator = torch.Generator().manual_seed(0)
    sizes = [min(2_000_000, count - start) for start in range(0, count, 2_000_000)]
    return {
        str(number): torch.randn(size, generator=generator).square()
        * (3 * torch.randn(size, generator=generator)).exp()
        * 1e-8
        for number, size in enumerate(sizes)
    }


def naive(values: dict[str, torch.Tensor]) -> torch.Tensor:
    """Ranks by sorting twice, then the probability of each."""
    flat = torch.cat(list(values.values()))
    ranks = torch.argsort(torch.argsort(flat)) / (len(flat) - 1)
    return keep_probability(ranks, ALPHA, BETA)


def peak_memory() -> int:
    """Peak resident memory of this process, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, default=85)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    values = importance(int(options.millions * 1e6))
    size = sum(tensor.numel() * 4 for tensor in values.values())
    before = peak_memory()
    keep_probabilities(values, ALPHA, BETA)
    growth = peak_memory() - before
    ours, theirs = [], []
    for _ in range(options.rounds):
        start = time.perf_counter()
        keep_probabilities(values, ALPHA, BETA)
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        naive(values)
        theirs.append(time.perf_counter() - start)
    flat = torch.cat(list(values.values()))
    ranks = RelativeRank([flat])(flat).double()
    exact = torch.argsort(torch.argsort(flat)).double() / (len(flat) - 1)
    print(f"{options.millions:g} M parameters, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"bucketed ranks  {statistics.median(ours):7.2f} s, memory + {growth / size:.2f} x the parameters' bytes")
    print(f"double argsort  {statistics.median(theirs):7.2f} s")
    print(f"ratio           {statistics.median(theirs) / statistics.median(ours):7.1f} x")
    print(f"largest difference of the ranks {float((ranks - exact).abs().max()):.1e}")


if __name__ == "__main__":
    main()
