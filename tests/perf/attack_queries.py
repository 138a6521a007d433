"""Queries per second of a live attack, against TextAttack's stock Hugging Face wrapper, side by side.

Run: ``python tests/perf/attack_queries.py --mirror FOLDER [--texts 4] [--max-queries 20] [--rounds 5] [--cores 2]``

The model is the packaged MiniLM, fine-tuned for a minute on SST-2. Each round attacks other SST-2 validation
sentences, with ours and with the stock wrapper in turn: same recipe, seeds, budget and cores, which the stock wrapper
uses by torch's threads and ours by processes. Every example's outcome, number of queries and attacked text must be the
same in both. The stock wrapper pads every text to the tokenizer's maximum of 512 tokens and runs batches of 32.

Then ours alone on more sentences, in one process and in as many as there are cores.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from side_by_side import Measurement, at_least, at_most, conclude, in_turns, parser_of, ratio
from texts import NO_MIRROR, SEED, read_sst2

from benchmark.attacks import attacks
from benchmark.attacks.asked_once import AskedOnce
from benchmark.attacks.nltk_data import use_nltk_data
from benchmark.attacks.randomness import seed_global_generators
from benchmark.attacks.run import run_attack
from benchmark.attacks.textattack_offline import compatibility_warnings_silenced, import_textattack
from benchmark.attacks.worker_processes import cores
from benchmark.backbones import load_classifier, load_tokenizer, locate
from benchmark.prediction import Predictor

RECIPES = ("deepwordbug", "pwws")
TARGET = 15.0
TRAINING_TEXTS = 600
WORKERS_TEXTS, WORKERS_MAX_QUERIES, WORKERS_ROUNDS = 16, 40, 3


@dataclass(frozen=True)
class Sentence:
    """One sentence under attack."""

    text: str
    label: int
    position: int


@dataclass(frozen=True)
class Attacked:
    """What became of one sentence."""

    outcome: str
    queries: int
    text: str


Attack = Callable[[Sequence[Sentence]], list[Attacked]]


def fine_tuned_minilm(mirror: Path) -> Predictor:
    """MiniLM after a few hundred sentences, so that attacks meet a model that has learned something."""
    tokenizer = load_tokenizer(locate("minilm"))
    model = load_classifier(locate("minilm"), ("negative", "positive"), SEED, tokenizer.pad_token_id)
    texts, labels = read_sst2(mirror, "train", TRAINING_TEXTS)
    torch.manual_seed(SEED)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4)
    model.train()
    for start in range(0, len(texts), 20):
        part = slice(start, start + 20)
        batch = tokenizer(texts[part], padding=True, return_tensors="pt")
        model(**batch, labels=torch.tensor(labels[part])).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return Predictor(model.eval(), tokenizer, max_length=128)


def sentences(predictor: Predictor, mirror: Path, count: int) -> tuple[list[Sentence], list[Sentence]]:
    """Sentences to warm up on, and sentences to measure on, which the model has right.

    The first are two short ones, whose attacks end within the budget, and one that the model has wrong, which attacks
    skip.
    """
    texts, labels = read_sst2(mirror, "validation")
    right = predictor(texts).argmax(axis=1) == labels
    found = [Sentence(*values) for values in zip(texts, labels, range(len(texts)), strict=True)]
    by_length = sorted((found[row] for row in np.flatnonzero(right)[count:]), key=lambda item: len(item.text.split()))
    return [found[np.flatnonzero(~right)[0]], *by_length[:2]], [found[row] for row in np.flatnonzero(right)[:count]]


def stock_attack(recipe: str, predictor: Predictor, max_queries: int) -> Attack:
    """The recipe on TextAttack's own wrapper, seeded as ours."""
    textattack = import_textattack()
    with compatibility_warnings_silenced():
        wrapper = textattack.models.wrappers.HuggingFaceModelWrapper(predictor._model, predictor._tokenizer)
        built = attacks[recipe].build(wrapper)
    built.goal_function.query_budget = max_queries
    names = {"SuccessfulAttackResult": "succeeded", "FailedAttackResult": "failed", "SkippedAttackResult": "skipped"}

    def attack_one(sentence: Sentence) -> Attacked:
        built.clear_cache()
        seed_global_generators(SEED, sentence.position)
        result = built.attack(sentence.text, sentence.label)
        found = result.perturbed_result.attacked_text.text
        return Attacked(names[type(result).__name__], result.num_queries, found)

    return lambda chosen: [attack_one(sentence) for sentence in chosen]


def our_attack(recipe: str, predictor: Predictor, max_queries: int, workers: int) -> Attack:
    """The recipe as the benchmark runs it."""

    def run(chosen: Sequence[Sentence]) -> list[Attacked]:
        outcome = run_attack(
            attacks[recipe],
            AskedOnce.of(predictor),
            [sentence.text for sentence in chosen],
            [sentence.label for sentence in chosen],
            max_queries=max_queries,
            seed=SEED,
            positions=[sentence.position for sentence in chosen],
            workers=workers,
        )
        return [Attacked(item.outcome, item.queries, str(item.attacked_text)) for item in outcome.examples]

    return run


def against_stock(
    recipe: str, predictor: Predictor, rounds: Sequence[Sequence[Sentence]], options: argparse.Namespace
) -> list[Measurement]:
    """Both on the same sentences; the first round warms up and is not timed."""
    runs = {
        "ours": our_attack(recipe, predictor, options.max_queries, options.cores),
        "stock": stock_attack(recipe, predictor, options.max_queries),
    }
    found: dict[str, list[Attacked]] = {name: [] for name in runs}
    waiting = {name: iter(rounds) for name in runs}

    def work(name: str) -> None:
        found[name] += runs[name](next(waiting[name]))

    seconds = in_turns({name: partial(work, name) for name in runs}, len(rounds) - 1)
    queries = sum(item.queries for item in found["ours"][len(rounds[0]) :]) / (len(rounds) - 1)
    rates = {name: queries / statistics.median(values) for name, values in seconds.items()}
    faster = ratio(seconds["stock"], seconds["ours"])
    succeeded = sum(item.outcome == "succeeded" for item in found["ours"])
    return [
        at_least(
            f"{recipe} on SST-2: queries a second, against TextAttack's stock wrapper",
            faster,
            TARGET,
            f"{faster:.1f}× ({rates['ours']:.1f} against {rates['stock']:.2f})",
        ),
        same(f"{recipe} on SST-2: examples that end otherwise than with the stock wrapper", *found.values(), succeeded),
    ]


def same(what: str, ours: Sequence[Attacked], others: Sequence[Attacked], succeeded: int) -> Measurement:
    """Examples whose outcome, queries or attacked text differ."""
    differing = sum(one != other for one, other in zip(ours, others, strict=True))
    return at_most(what, differing, 0, f"{differing} of {len(ours)}, {succeeded} of which succeeded", unit="")


def against_one_worker(predictor: Predictor, chosen: Sequence[Sentence], rounds: int) -> list[Measurement]:
    """Ours with one process and with one for each core."""
    found: dict[int, list[Attacked]] = {}

    def work(workers: int) -> None:
        found[workers] = our_attack(RECIPES[0], predictor, WORKERS_MAX_QUERIES, workers)(chosen)

    seconds = in_turns({str(workers): partial(work, workers) for workers in (1, cores())}, rounds, warm_up=False)
    one, all_ = (statistics.median(seconds[str(workers)]) for workers in (1, cores()))
    queries = sum(item.queries for item in found[1])
    faster = ratio(seconds["1"], seconds[str(cores())])
    what = f"{RECIPES[0]} on SST-2, {len(chosen)} sentences:"
    succeeded = sum(item.outcome == "succeeded" for item in found[1])
    return [
        Measurement(
            f"{what} {cores()} processes against one",
            f"{faster:.2f}× ({queries / all_:.1f} against {queries / one:.1f} queries a second)",
        ),
        same(f"{what} examples that end otherwise in {cores()} processes", found[1], found[cores()], succeeded),
    ]


def main() -> int:
    """Measure and print every recipe."""
    parser = parser_of(__doc__, mirror=True)
    parser.add_argument("--texts", type=int, default=4, help="texts of a round")
    parser.add_argument("--max-queries", type=int, default=20, help="budget of a text")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=min(2, cores()), help="threads of stock, processes of ours")
    options = parser.parse_args()
    if options.mirror is None:
        return conclude(options, [Measurement("live attacks on SST-2", NO_MIRROR)])
    torch.set_num_threads(options.cores)
    use_nltk_data(options.mirror / "nltk_data")
    predictor = fine_tuned_minilm(options.mirror)
    warm_up, right = sentences(predictor, options.mirror, max(options.texts * options.rounds, WORKERS_TEXTS))
    rounds = [warm_up, *(right[start * options.texts :][: options.texts] for start in range(options.rounds))]
    found: list[Measurement] = []
    for recipe in RECIPES:
        absent = [str(resource.name) for resource in attacks[recipe].resources if resource.missing()]
        if absent:
            found.append(Measurement(f"{recipe} on SST-2", f"left out: not there: {', '.join(absent)}"))
        else:
            found += against_stock(recipe, predictor, rounds, options)
    if cores() > 1:
        found += against_one_worker(predictor, right[:WORKERS_TEXTS], min(options.rounds, WORKERS_ROUNDS))
    return conclude(options, found)


if __name__ == "__main__":
    sys.exit(main())
