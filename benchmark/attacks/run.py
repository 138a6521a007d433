"""Run an attack against a model, example by example."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from benchmark.attacks.model_wrapper import Predict, Text, wrap_model
from benchmark.attacks.outcome import AttackedExample, AttackOutcome, Outcome
from benchmark.attacks.randomness import global_generators_restored, seed_global_generators
from benchmark.attacks.registry import Attack
from benchmark.attacks.textattack_offline import compatibility_warnings_silenced, import_textattack

if TYPE_CHECKING:
    import textattack


def run_attack(
    attack: Attack,
    predict: Predict,
    texts: Sequence[Text],
    labels: Sequence[int],
    *,
    max_queries: int | None,
    seed: int,
    positions: Sequence[int] | None = None,
    batch_size: int = 256,
    on_progress: Callable[[int, int], None] | None = None,
) -> AttackOutcome:
    """Attack every example and report what became of it.

    Each example is attacked under its own seed, derived from (seed, position), and without what TextAttack
    remembers of earlier ones. Its result depends neither on the other examples nor on the batch size, provided
    that `predict` gives a text the same logits in every batch. The global random generators are afterwards as
    before.

    Args:
        attack: a registered attack whose goal is any wrong class.
        predict: takes a list of texts (or of pairs), returns logits of shape (n, classes).
        texts: texts, or pairs of texts, to attack; pairs reach TextAttack as "premise" and "hypothesis".
        labels: their true classes, from 0.
        max_queries: most texts that an attack may ask the model about per example; None is no limit.
        seed: of the run.
        positions: the position of each example in its data set, for runs over a part of it, so that an example
            is attacked as it would be in a run over the whole; by default 0, 1, 2 ….
        batch_size: most texts handed to `predict` at once.
        on_progress: called after each example with the number done and the number of all.

    Raises:
        ValueError: no texts, lengths that differ, a label that is no class of the model, a budget or batch size
            below 1, an attack with another goal, or logits of a wrong shape or not finite.
        Exception: whatever `predict` raises passes through.
    """
    positions = range(len(texts)) if positions is None else positions
    _check_arguments(texts, labels, positions, max_queries, batch_size)
    import_textattack()
    started = time.perf_counter()
    examples = []
    with global_generators_restored():
        built = _build(attack, predict, labels, max_queries, seed, batch_size)
        for text, label, position in zip(texts, labels, positions, strict=True):
            built.clear_cache()  # TextAttack leaves its caches as they are after an example that it skips
            seed_global_generators(seed, position)
            examples.append(_attack_one(built, text, int(label), position))
            if on_progress is not None:
                on_progress(len(examples), len(texts))
    return AttackOutcome(attack.name, seed, max_queries, tuple(examples), seconds=time.perf_counter() - started)


def _check_arguments(
    texts: Sequence[Text],
    labels: Sequence[int],
    positions: Sequence[int],
    max_queries: int | None,
    batch_size: int,
) -> None:
    if len(texts) == 0:
        raise ValueError("there are no texts to attack")
    if not len(texts) == len(labels) == len(positions):
        raise ValueError(
            f"texts, labels and positions must be as many: {len(texts)}, {len(labels)} and {len(positions)}"
        )
    for row, label in enumerate(labels):
        if not isinstance(label, Integral) or label < 0:
            raise ValueError(f"label {label!r} in row {row} is not a class: classes are integers from 0")
    if max_queries is not None and max_queries < 1:
        raise ValueError(f"max_queries must be at least 1, or None for no limit, not {max_queries}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")


def _build(
    attack: Attack,
    predict: Predict,
    labels: Sequence[int],
    max_queries: int | None,
    seed: int,
    batch_size: int,
) -> textattack.Attack:
    from textattack.goal_functions import UntargetedClassification

    seed_global_generators(seed, -1)  # a recipe may draw while being built; no example has this position
    with compatibility_warnings_silenced():
        built = attack.build(wrap_model(predict, labels))
    goal = built.goal_function
    # "Succeeded", "failed" and "skipped" are what they say only where the goal is any wrong class.
    if not isinstance(goal, UntargetedClassification) or goal.target_max_score is not None or goal.maximizable:
        raise ValueError(f"the goal of attack {attack.name!r} is not any wrong class, but {goal}")
    goal.query_budget = float("inf") if max_queries is None else max_queries
    goal.batch_size = batch_size
    return built


def _attack_one(built: textattack.Attack, text: Text, label: int, position: int) -> AttackedExample:
    from textattack.attack_results import FailedAttackResult, SkippedAttackResult, SuccessfulAttackResult

    outcomes: dict[Any, Outcome] = {
        FailedAttackResult: "failed",
        SkippedAttackResult: "skipped",
        SuccessfulAttackResult: "succeeded",
    }
    given = text if isinstance(text, str) else OrderedDict(zip(("premise", "hypothesis"), text, strict=True))
    result = built.attack(given, label)
    before, after = result.original_result, result.perturbed_result
    words = (before.attacked_text.words, after.attacked_text.words)
    differing = sum(old != new for old, new in zip(*words, strict=False))
    return AttackedExample(
        position=position,
        original_text=text,
        attacked_text=after.attacked_text.tokenizer_input,
        label=label,
        prediction_before=before.output,
        prediction_after=after.output,
        outcome=outcomes[type(result)],
        queries=result.num_queries,
        # An attack may also add or take words at the end.
        words_changed=differing + abs(len(words[0]) - len(words[1])),
    )
