"""Queries per second of a live attack, against TextAttack's stock Hugging Face wrapper, side by side.

Run: ``python tests/perf/attack_queries.py --mirror FOLDER [--texts 3] [--rounds 5] [--threads 2]``

The model is the packaged MiniLM, fine-tuned for a minute on SST-2. Each round attacks other
SST-2 validation sentences, twice in turn: with ours and with the stock wrapper, same recipe, same seeds. Medians over
the rounds are printed. Every example's outcome, number of queries and attacked text must be the same in both; the exit
code is 1 where one is not, or where ours is less than 15 times as fast.

The stock wrapper pads every text to the tokenizer's maximum of 512 tokens and runs batches of 32.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import torch

from benchmark.attacks import attacks
from benchmark.attacks.asked_once import AskedOnce
from benchmark.attacks.nltk_data import use_nltk_data
from benchmark.attacks.randomness import seed_global_generators
from benchmark.attacks.run import run_attack
from benchmark.attacks.textattack_offline import compatibility_warnings_silenced, import_textattack
from benchmark.backbones import load_classifier, load_tokenizer, locate
from benchmark.environment import MIRROR_VARIABLE
from benchmark.prediction import Predictor

TARGET = 15.0
SEED = 0
TRAINING_TEXTS = 600
SST2 = "stanfordnlp/sst2/default"


@dataclass(frozen=True)
class Attacked:
    """What became of one example."""

    outcome: str
    queries: int
    text: str


def read_sst2(mirror: Path, split: str, count: int) -> tuple[list[str], list[int]]:
    """A fixed sample of SST-2 sentences and labels, without trailing spaces."""
    table = pyarrow.parquet.read_table(mirror / SST2 / f"{split}.parquet", columns=["sentence", "label"])
    rows = np.random.default_rng(SEED).choice(table.num_rows, count, replace=False)
    chosen = table.take(rows)
    return [text.strip() for text in chosen["sentence"].to_pylist()], chosen["label"].to_pylist()


def fine_tune(model: Any, tokenizer: Any, texts: list[str], labels: list[int]) -> None:
    """One pass over a few hundred sentences, so that attacks meet a model that has learned something."""
    torch.manual_seed(SEED)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4)
    model.train()
    for start in range(0, len(texts), 20):
        part = slice(start, start + 20)
        batch = tokenizer(texts[part], padding=True, return_tensors="pt")
        model(**batch, labels=torch.tensor(labels[part])).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()


def stock_attack(recipe: str, model: Any, tokenizer: Any) -> Callable[[list[str], list[int], int], list[Attacked]]:
    """The recipe on TextAttack's own wrapper, seeded as ours."""
    textattack = import_textattack()
    with compatibility_warnings_silenced():
        built = attacks[recipe].build(textattack.models.wrappers.HuggingFaceModelWrapper(model, tokenizer))
    names = {"SuccessfulAttackResult": "succeeded", "FailedAttackResult": "failed", "SkippedAttackResult": "skipped"}

    def run(texts: list[str], labels: list[int], first: int) -> list[Attacked]:
        found = []
        for position, (text, label) in enumerate(zip(texts, labels, strict=True), start=first):
            built.clear_cache()
            seed_global_generators(SEED, position)
            result = built.attack(text, label)
            outcome = names[type(result).__name__]
            found.append(Attacked(outcome, result.num_queries, result.perturbed_result.attacked_text.text))
        return found

    return run


def our_attack(recipe: str, predictor: Predictor) -> Callable[[list[str], list[int], int], list[Attacked]]:
    """The recipe as a run of the benchmark attacks."""

    def run(texts: list[str], labels: list[int], first: int) -> list[Attacked]:
        outcome = run_attack(
            attacks[recipe],
            AskedOnce.of(predictor),
            texts,
            labels,
            max_queries=None,
            seed=SEED,
            positions=range(first, first + len(texts)),
        )
        return [Attacked(item.outcome, item.queries, str(item.attacked_text)) for item in outcome.examples]

    return run


def compare(recipe: str, model: Any, tokenizer: Any, texts: list[str], labels: list[int], per_round: int) -> bool:
    """Measure and print one recipe; whether it is fast enough and nothing differs."""
    runs = {
        "ours": our_attack(recipe, Predictor(model, tokenizer, max_length=128)),
        "stock": stock_attack(recipe, model, tokenizer),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    counts = {"succeeded": 0, "failed": 0, "skipped": 0}
    differing = 0
    for run in runs.values():
        run(texts[:1], labels[:1], 0)  # warms up
    for first in range(1, len(texts), per_round):
        part = slice(first, first + per_round)
        found: dict[str, list[Attacked]] = {}
        for name, run in runs.items():
            start = time.perf_counter()
            found[name] = run(texts[part], labels[part], first)
            rates[name].append(sum(item.queries for item in found[name]) / (time.perf_counter() - start))
        for position, (ours, stock) in enumerate(zip(found["ours"], found["stock"], strict=True), start=first):
            counts[ours.outcome] += 1
            if ours != stock:
                differing += 1
                print(f"example {position}: {texts[position]!r}\n  ours  {ours}\n  stock {stock}")
    ratio = statistics.median(ours / stock for ours, stock in zip(rates["ours"], rates["stock"], strict=True))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    print(f"{recipe}: ours {medians['ours']:.1f} queries/s, stock {medians['stock']:.2f} queries/s, ratio {ratio:.1f}")
    print(f"  {len(texts) - 1} examples, {counts}, {differing} differ from stock")
    return ratio >= TARGET and not differing


def main() -> int:
    """Measure and print every recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mirror", type=Path, default=os.environ.get(MIRROR_VARIABLE))
    parser.add_argument("--texts", type=int, default=3, help="texts of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--recipe", action="append", help="by default deepwordbug, and pwws where its data are there")
    options = parser.parse_args()
    if options.mirror is None:
        parser.error(f"name a mirror with --mirror or {MIRROR_VARIABLE}")
    if options.threads:
        torch.set_num_threads(options.threads)
    use_nltk_data(options.mirror / "nltk_data")
    recipes = options.recipe or ["deepwordbug", "pwws"]
    tokenizer = load_tokenizer(locate("minilm"))
    model = load_classifier(locate("minilm"), ("negative", "positive"), SEED, tokenizer.pad_token_id).eval()
    fine_tune(model, tokenizer, *read_sst2(options.mirror, "train", TRAINING_TEXTS))
    texts, labels = read_sst2(options.mirror, "validation", 1 + options.texts * options.rounds)
    print(
        f"torch {torch.__version__}, textattack {importlib.metadata.version('textattack')},"
        f" {torch.get_num_threads()} threads, {options.rounds} rounds of {options.texts} texts"
    )
    good = True
    for recipe in recipes:
        absent = [str(resource.name) for resource in attacks[recipe].resources if resource.missing()]
        if absent:
            print(f"{recipe}: left out, not there: {', '.join(absent)}")
            continue
        good &= compare(recipe, model, tokenizer, texts, labels, options.texts)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
