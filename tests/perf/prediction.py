"""Prediction over all evaluation sets of a task, against batches of 16 in file order, side by side.

Run: ``python tests/perf/prediction.py --mirror FOLDER [--task sentiment] [--max-lengths 128,256,512] [--texts 300]
[--rounds 5]``

The plain way tokenises 16 texts at a time in the order of the file and pads them to the longest. Both predict the same
texts with MiniLM and a random head, taking turns; medians over the rounds are printed, with the share of padding in
the plain way, and the rate of this project's as a share of the machine's matrix products. Exit code 1 where a
predicted class differs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from benchmark.backbones import load_classifier, load_tokenizer, locate
from benchmark.declared_task import declare_task
from benchmark.prediction import Predictor
from tasks import Examples
from tasks.loading import load_task

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH = 16

T = TypeVar("T")


def plain(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int, sets: list[Examples]
) -> list[NDArray[np.float32]]:
    """Logits of each set in batches of 16 in file order, padded to the longest."""
    found = []
    with torch.inference_mode():
        for examples in sets:
            parts = []
            for start in range(0, len(examples), BATCH):
                columns = examples.select(range(start, min(start + BATCH, len(examples)))).columns()
                batch = tokenizer(*columns, padding=True, truncation=True, max_length=max_length, return_tensors="pt")
                parts.append(model(**batch).logits.numpy())
            found.append(np.concatenate(parts))
    return found


def tokens(tokenizer: PreTrainedTokenizerBase, max_length: int, sets: list[Examples]) -> tuple[int, int]:
    """Tokens of all texts, and what they come to when padded in batches of 16 in file order."""
    real = padded = 0
    for examples in sets:
        ids = tokenizer(*examples.columns(), truncation=True, max_length=max_length)["input_ids"]
        lengths = [len(row) for row in ids]
        real += sum(lengths)
        batches = (lengths[start : start + BATCH] for start in range(0, len(lengths), BATCH))
        padded += sum(max(batch) * len(batch) for batch in batches)
    return real, padded


def operations_of_a_token(model: PreTrainedModel, length: float) -> float:
    """Floating-point operations that the blocks' matrix products take for one token of a text of this length."""
    config = model.config
    weights = 4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size
    return float(config.num_hidden_layers * (2 * weights + 4 * length * config.hidden_size))


def matrix_products_per_second() -> float:
    """Floating-point operations a second of one large matrix product, the best of twenty."""
    a, b = torch.randn(2048, 1536), torch.randn(1536, 1536)
    best = min(timed(lambda: a @ b)[0] for _ in range(20))
    return 2 * 2048 * 1536 * 1536 / best


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds that the work took, and what it gave."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mirror", type=Path, default=os.environ.get("ROAST_BENCH_MIRROR"))
    parser.add_argument("--task", default="sentiment")
    parser.add_argument("--max-lengths", default="128,256,512")
    parser.add_argument("--texts", type=int, default=300, help="texts of each set at most")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    data = load_task(declare_task(options.task), mirror=options.mirror, evaluation_size=options.texts)
    sets = [part.examples for part in data.evaluation.values()]
    backbone = locate("minilm")
    tokenizer = load_tokenizer(backbone)
    model = load_classifier(backbone, data.task.labels, 0, tokenizer.pad_token_id).eval()
    texts = sum(map(len, sets))
    print(f"{options.task}, {len(sets)} sets, {texts:,} texts: {', '.join(data.evaluation)}")
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, medians of {options.rounds} rounds")
    differing = 0
    for max_length in map(int, options.max_lengths.split(",")):
        predictor = Predictor(model, tokenizer, max_length)
        times: dict[str, list[float]] = {"plain": [], "ours": []}
        peaks = []
        for round_ in range(options.rounds + 1):
            plain_seconds, plain_logits = timed(lambda: plain(model, tokenizer, max_length, sets))  # noqa: B023
            our_seconds, our_logits = timed(lambda: [predictor.predict(part).logits for part in sets])  # noqa: B023
            if round_:  # the first round warms up
                times["plain"].append(plain_seconds)
                times["ours"].append(our_seconds)
                peaks.append(matrix_products_per_second())
        differing += sum(
            int((theirs.argmax(1) != ours.argmax(1)).sum())
            for theirs, ours in zip(plain_logits, our_logits, strict=True)
        )
        largest = max(float(np.abs(a - b).max()) for a, b in zip(plain_logits, our_logits, strict=True))
        theirs, ours = (statistics.median(times[name]) for name in ("plain", "ours"))
        real, padded = tokens(tokenizer, max_length, sets)
        rate = real * operations_of_a_token(model, real / texts) / ours
        print(
            f"at most {max_length} tokens: plain {texts / theirs:6.0f} texts/s, ours {texts / ours:6.0f} texts/s, "
            f"{theirs / ours:.2f}x; padding {1 - real / padded:.0%} of the plain way's tokens; "
            f"{rate / statistics.median(peaks):.0%} of the matrix-product rate; logits differ by {largest:.1e} at most"
        )
    print(f"{differing} predictions differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
