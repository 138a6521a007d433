"""Run an attack against a model, example by example."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import closing
from numbers import Integral
from typing import TYPE_CHECKING, Any

from benchmark.attacks.attacked_field import COLUMNS, PairField, attacked_part, keep_to_field
from benchmark.attacks.model_wrapper import Predict, Text, wrap_model
from benchmark.attacks.one_thread import one_torch_thread
from benchmark.attacks.outcome import AttackedExample, AttackOutcome, Outcome
from benchmark.attacks.randomness import global_generators_restored, seed_global_generators
from benchmark.attacks.registry import Attack
from benchmark.attacks.textattack_offline import compatibility_warnings_silenced, import_textattack
from benchmark.attacks.wordnet_files import close_wordnet_files
from benchmark.attacks.worker_processes import can_fork, in_order

if TYPE_CHECKING:
    import textattack

WHOLE_CALL = 2**31
"""More texts than TextAttack ever asks about at once."""


def run_attack(
    attack: Attack,
    predict: Predict,
    texts: Sequence[Text],
    labels: Sequence[int],
    *,
    max_queries: int | None,
    seed: int,
    field: PairField = "hypothesis",
    positions: Sequence[int] | None = None,
    batch_size: int | None = None,
    workers: int = 1,
    finished: Sequence[AttackedExample] = (),
    on_finished: Callable[[AttackedExample], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> AttackOutcome:
    """Attack every example and report what became of it.

    Each example is attacked under its own seed, derived from (seed, position), and without what TextAttack and the
    model remember of earlier ones. Its result depends neither on the other examples nor on their order nor on the
    batch size, provided that `predict` gives a text the same logits in every batch. A network's logits differ in the
    last bits from batch to batch; that can only matter where two candidates' scores are that close without being
    equal, since `predict` is asked about each text of an example once (and
    :class:`benchmark.attacks.asked_once.AskedOnce` about each sequence of tokens). With the default batch size the
    batches themselves are fixed by the example, torch computes in one thread, and results repeat to the bit on one
    machine, whatever the number of workers.

    A text longer than the model's maximum length is attacked as it is given. What the model does not see has no
    influence on it, so no change there is ever kept; asking about it still counts as a query.

    The global random generators are afterwards as before.

    Args:
        attack: a registered attack.
        predict: takes a list of texts (or of pairs), returns logits of shape (n, classes).
        texts: texts, or pairs of texts, to attack; pairs reach TextAttack as "premise" and "hypothesis".
        labels: their true classes, from 0.
        max_queries: most texts that an attack may ask the model about per example; None is no limit.
        seed: of the run.
        field: which text of a pair may change; plays no part for single texts.
        positions: the position of each example in its data set, for runs over a part of it, so that an example
            is attacked as it would be in a run over the whole; by default 0, 1, 2 ….
        batch_size: most texts handed to `predict` at once; None is all that the attack asks about at once.
        workers: processes that attack examples side by side, each with its own copy of `predict`, whose traces in
            this process (a count of its calls, say) then remain as they are. One where processes cannot be forked
            (`benchmark.attacks.worker_processes.can_fork`), such as where torch sees a GPU.
        finished: the first examples as an interrupted run left them, which are not attacked again.
        on_finished: called with each example, in their order, as soon as it has been attacked.
        on_progress: called after each example, finished ones included, with the number done and the number of all.

    Raises:
        ValueError: no texts, texts and pairs mixed, lengths that differ, a label that is no class of the model, a
            budget, batch size or number of workers below 1, finished examples that are not the first ones, an attack
            whose goal is not what its registration says, or logits of a wrong shape or not finite.
        UserError: the system ended a worker.
        Exception: whatever `predict` raises passes through.
    """
    positions = range(len(texts)) if positions is None else positions
    _check_arguments(texts, labels, positions, max_queries, batch_size, workers)
    _check_finished(finished, texts, positions)
    pairs = not isinstance(texts[0], str)
    examples = list(finished)
    if on_progress is not None:
        for done in range(1, len(examples) + 1):
            on_progress(done, len(texts))
    if len(examples) < len(texts):
        import_textattack()
    started = time.perf_counter()
    if len(examples) < len(texts):
        with global_generators_restored(), one_torch_thread():
            built = _build(attack, predict, labels, max_queries, seed, batch_size)
            if pairs:
                keep_to_field(built, field)

            def attack_row(row: int) -> AttackedExample:
                built.clear_cache()  # TextAttack leaves its caches as they are after an example that it skips
                built.goal_function.model.forget()
                seed_global_generators(seed, positions[row])
                return _attack_one(built, attack, texts[row], int(labels[row]), positions[row], field)

            rows = range(len(examples), len(texts))
            close_wordnet_files()
            with closing(in_order(attack_row, rows, workers if can_fork() else 1)) as attacked:
                for example in attacked:
                    examples.append(example)
                    if on_finished is not None:
                        on_finished(example)
                    if on_progress is not None:
                        on_progress(len(examples), len(texts))
    return AttackOutcome(
        attack=attack.name,
        goal=attack.goal,
        seed=seed,
        max_queries=max_queries,
        field=field if pairs else None,
        examples=tuple(examples),
        seconds=time.perf_counter() - started,
    )


def _check_arguments(
    texts: Sequence[Text],
    labels: Sequence[int],
    positions: Sequence[int],
    max_queries: int | None,
    batch_size: int | None,
    workers: int,
) -> None:
    if len(texts) == 0:
        raise ValueError("there are no texts to attack")
    if not len(texts) == len(labels) == len(positions):
        raise ValueError(
            f"texts, labels and positions must be as many: {len(texts)}, {len(labels)} and {len(positions)}"
        )
    if len({isinstance(text, str) for text in texts}) > 1:
        raise ValueError("single texts and pairs cannot be attacked in one run")
    for row, label in enumerate(labels):
        if not isinstance(label, Integral) or label < 0:
            raise ValueError(f"label {label!r} in row {row} is not a class: classes are integers from 0")
    if max_queries is not None and max_queries < 1:
        raise ValueError(f"max_queries must be at least 1, or None for no limit, not {max_queries}")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, or None, not {batch_size}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")


def _check_finished(finished: Sequence[AttackedExample], texts: Sequence[Text], positions: Sequence[int]) -> None:
    if len(finished) > len(texts):
        raise ValueError(f"{len(finished)} examples are finished already, of {len(texts)}")
    for row, example in enumerate(finished):
        if (example.position, example.original_text) != (positions[row], texts[row]):
            raise ValueError(f"finished example {row} is another than the text to attack in its place")


def _build(
    attack: Attack,
    predict: Predict,
    labels: Sequence[int],
    max_queries: int | None,
    seed: int,
    batch_size: int | None,
) -> textattack.Attack:
    seed_global_generators(seed, -1)  # a recipe may draw while being built; no example has this position
    with compatibility_warnings_silenced():
        built = attack.build(wrap_model(predict, labels, batch_size))
    goal = built.goal_function
    _check_goal(attack, goal)
    goal.query_budget = float("inf") if max_queries is None else max_queries
    goal.batch_size = WHOLE_CALL  # the wrapper makes the batches, of what it does not know yet
    return built


def _check_goal(attack: Attack, goal: Any) -> None:
    """What "succeeded", "failed" and "skipped" mean hangs on the goal."""
    from textattack.goal_functions import InputReduction, UntargetedClassification

    if attack.goal == "reduction":
        if not isinstance(goal, InputReduction):
            raise ValueError(f"the goal of attack {attack.name!r} is not the shortest text of a class, but {goal}")
    elif not isinstance(goal, UntargetedClassification) or goal.target_max_score is not None or goal.maximizable:
        raise ValueError(f"the goal of attack {attack.name!r} is not any wrong class, but {goal}")


def _attack_one(
    built: textattack.Attack, attack: Attack, text: Text, label: int, position: int, field: PairField
) -> AttackedExample:
    from textattack.shared.utils import words_from_text

    given = text if isinstance(text, str) else OrderedDict(zip(COLUMNS, text, strict=True))
    result = built.attack(given, label)
    before, after = result.original_result, result.perturbed_result
    attacked_text = after.attacked_text.tokenizer_input
    words_left = len(words_from_text(attacked_part(attacked_text, field)))
    return AttackedExample(
        position=position,
        original_text=text,
        attacked_text=attacked_text,
        label=label,
        prediction_before=before.output,
        prediction_after=after.output,
        outcome=_outcome(result, attack, words_left),
        queries=result.num_queries,
        words_changed=before.attacked_text.words_diff_num(after.attacked_text),
        words_left=words_left,
    )


def _outcome(result: Any, attack: Attack, words_left: int) -> Outcome:
    from textattack.attack_results import SkippedAttackResult, SuccessfulAttackResult

    if isinstance(result, SkippedAttackResult):
        return "skipped"
    if attack.goal == "reduction":
        # TextAttack shortens on as far as it can and calls no result a success.
        kept = result.perturbed_result.output == result.original_result.output
        return "succeeded" if kept and words_left <= 1 else "failed"
    return "succeeded" if isinstance(result, SuccessfulAttackResult) else "failed"
