"""Prediction over all evaluation sets of a task, against batches of 16 in file order, side by side.

Run: ``python tests/perf/prediction.py [--mirror FOLDER] [--task sentiment] [--max-lengths 128,512] [--every 80]
[--rounds 5]``

The plain way tokenises 16 texts at a time in the order of the file and pads them to the longest. Both predict the same
texts, every so many-th of each set, with MiniLM and a random head, taking turns. The share of padding in the plain
way's tokens bounds what sorting can give. A predicted class that differs is a missed target.
"""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from side_by_side import Measurement, at_least, at_most, conclude, in_turns, parser_of, ratio, timed
from texts import NO_MIRROR

from benchmark.backbones import load_classifier, load_tokenizer, locate
from benchmark.declared_task import declare_task
from benchmark.prediction import Predictor
from tasks import Examples
from tasks.loading import load_task

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH = 16
TARGET = 1.8


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


def compare(model: Any, tokenizer: Any, max_length: int, sets: list[Examples], rounds: int) -> list[Measurement]:
    """Both ways at one maximum length."""
    predictor = Predictor(model, tokenizer, max_length)
    found: dict[str, list[NDArray[np.float32]]] = {}
    peaks: list[float] = []

    def plain_way() -> None:
        found["plain"] = plain(model, tokenizer, max_length, sets)

    def our_way() -> None:
        found["ours"] = [predictor.predict(part).logits for part in sets]

    for _ in range(rounds):
        peaks.append(matrix_products_per_second())
    seconds = in_turns({"plain": plain_way, "ours": our_way}, rounds)
    texts = sum(map(len, sets))
    theirs, ours = (statistics.median(seconds[name]) for name in ("plain", "ours"))
    real, padded = tokens(tokenizer, max_length, sets)
    # What the plain way computes for the tokens that are no padding; a part of it is left out in the last block.
    rate = real * operations_of_a_token(model, real / texts) / ours
    differing = sum(
        int((plainly.argmax(1) != ourly.argmax(1)).sum())
        for plainly, ourly in zip(found["plain"], found["ours"], strict=True)
    )
    largest = max(float(np.abs(a - b).max()) for a, b in zip(found["plain"], found["ours"], strict=True))
    faster = ratio(seconds["plain"], seconds["ours"])
    title = f"prediction at most {max_length} tokens"
    return [
        at_least(
            f"{title}: {len(sets)} sets, {texts} texts, against batches of {BATCH} in file order",
            faster,
            TARGET,
            f"{faster:.2f}× ({texts / ours:.0f} against {texts / theirs:.0f} texts/s)",
        ),
        Measurement(f"{title}: padding among the plain way's tokens", f"{1 - real / padded:.0%}"),
        Measurement(
            f"{title}: useful work as a share of the matrix-product rate",
            f"{rate / statistics.median(peaks):.0%} of {statistics.median(peaks) / 1e9:.0f} GFLOP/s",
        ),
        at_most(f"{title}: classes that differ", differing, 0, f"{differing} (logits by {largest:.0e})", unit=""),
    ]


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__, mirror=True)
    parser.add_argument("--task", default="sentiment")
    parser.add_argument("--max-lengths", default="128,512")
    parser.add_argument("--every", type=int, default=80, help="predict every so many-th text of each set")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.mirror is None:
        return conclude(options, [Measurement("prediction over all evaluation sets", NO_MIRROR)])
    data = load_task(declare_task(options.task), mirror=options.mirror)
    parts = [part.examples for part in data.evaluation.values()]
    sets = [examples.select(range(0, len(examples), options.every)) for examples in parts]
    backbone = locate("minilm")
    tokenizer = load_tokenizer(backbone)
    model = load_classifier(backbone, data.task.labels, 0, tokenizer.pad_token_id).eval()
    found: list[Measurement] = []
    for max_length in map(int, options.max_lengths.split(",")):
        found += compare(model, tokenizer, max_length, sets, options.rounds)
    return conclude(options, found)


if __name__ == "__main__":
    sys.exit(main())
