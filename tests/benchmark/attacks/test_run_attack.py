import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from toy_attack_run import LABELS, TEXTS, predict, toy_outcome

from benchmark.attacks import Attack, attacks
from benchmark.attacks.model_wrapper import wrap_model
from benchmark.attacks.outcome import AttackedExample, AttackOutcome
from benchmark.attacks.randomness import seed_global_generators
from benchmark.attacks.run import run_attack
from benchmark.attacks.textattack_offline import import_textattack
from benchmark.metrics import UndefinedMetric

DEEPWORDBUG = attacks["deepwordbug"]


def attack_toy(texts: list[Any] = TEXTS, labels: list[int] = LABELS, **changes: Any) -> AttackOutcome:
    arguments: dict[str, Any] = {"max_queries": None, "seed": 0, **changes}
    return run_attack(
        arguments.pop("attack", DEEPWORDBUG), arguments.pop("predict", predict), texts, labels, **arguments
    )


def build_deletions(model: Any) -> Any:
    """Tries every deletion of one letter, word by word: no randomness, so that queries can be counted by hand."""
    textattack = import_textattack()
    return textattack.Attack(
        textattack.goal_functions.UntargetedClassification(model),
        [textattack.constraints.pre_transformation.RepeatModification()],
        textattack.transformations.WordSwapRandomCharacterDeletion(random_one=False),
        textattack.search_methods.GreedyWordSwapWIR(),
    )


DELETIONS = Attack("deletions", "s", "p", build_deletions)


def test_outcomes_and_scores_by_hand() -> None:
    outcome = toy_outcome()
    assert [e.outcome for e in outcome.examples] == ["succeeded", "failed", "skipped", "succeeded", "failed"]
    assert outcome.counts == {"succeeded": 2, "failed": 2, "skipped": 1}
    assert outcome.accuracy_under_attack == 2 / 5
    assert outcome.attack_success_rate == 2 / 4
    assert outcome.seconds > 0
    first, untouched, skipped = outcome.examples[0], outcome.examples[4], outcome.examples[2]
    assert (first.original_text, first.label, first.position) == ("a bad film", 0, 0)
    assert "bad" not in first.attacked_text.split()
    assert (first.prediction_before, first.prediction_after, first.words_changed) == (0, 1, 1)
    assert (untouched.attacked_text, untouched.words_changed) == (untouched.original_text, 0)
    assert (untouched.prediction_before, untouched.prediction_after) == (1, 1)
    assert (skipped.attacked_text, skipped.prediction_before, skipped.queries) == (TEXTS[2], 1, 1)


def test_queries_by_hand() -> None:
    # The original, one text per word with that word unknown, and the deletions of each letter.
    outcome = attack_toy(["bad", "film", "film", "bad plot", "x"], [0, 0, 1, 0, 1], attack=DELETIONS)
    assert [e.outcome for e in outcome.examples] == ["succeeded", "skipped", "failed", "succeeded", "failed"]
    # "film" is asked about in the second example and again in the third: nothing carries over.
    assert [e.queries for e in outcome.examples] == [1 + 1 + 3, 1, 1 + 1 + 4, 1 + 2 + 3, 1 + 1]
    assert outcome.queries == 5 + 1 + 6 + 6 + 2


def test_queries_count_what_the_model_is_asked() -> None:
    asked: list[str] = []

    def counting(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return predict(texts)

    # Distinct words and letters: no text comes up twice, so the cache cannot save a query.
    outcome = attack_toy(["film", "plot xyz"], [1, 1], attack=DELETIONS, predict=counting)
    assert outcome.queries == len(asked)


@pytest.mark.parametrize("budget", [1, 2, 4, 5, 6])
def test_the_budget_is_kept(budget: int) -> None:
    asked: list[str] = []

    def counting(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return predict(texts)

    outcome = attack_toy(["film scripts", "bad"], [1, 0], attack=DELETIONS, predict=counting, max_queries=budget)
    assert [e.queries for e in outcome.examples] == [budget, min(budget, 5)]
    assert len(asked) <= outcome.queries
    # "bad" needs its third query to find a misspelling.
    assert outcome.examples[1].outcome == ("succeeded" if budget >= 3 else "failed")


def test_a_seed_repeats_and_another_differs() -> None:
    texts = ["a bad film about nothing at all", "some bad actors"] * 3
    first = attack_toy(texts, [0] * 6, seed=1)
    assert attack_toy(texts, [0] * 6, seed=1).examples == first.examples
    assert attack_toy(texts, [0] * 6, seed=2).examples != first.examples
    # The same text at another position is attacked under another seed.
    assert len({e.attacked_text for e in first.examples[::2]}) > 1


def test_an_example_depends_on_nothing_but_itself() -> None:
    whole = toy_outcome()
    assert attack_toy(batch_size=1).examples == whole.examples
    assert attack_toy(batch_size=3).examples == whole.examples
    assert attack_toy(TEXTS[:2], LABELS[:2]).examples == whole.examples[:2]
    others = ["entirely other words here", "a second bad one", TEXTS[2], "and a third", TEXTS[4]]
    mixed = attack_toy(others, [1, 0, LABELS[2], 1, LABELS[4]])
    assert (mixed.examples[2], mixed.examples[4]) == (whole.examples[2], whole.examples[4])
    part = attack_toy([TEXTS[3], TEXTS[0]], [LABELS[3], LABELS[0]], positions=[3, 0])
    assert part.examples == (whole.examples[3], whole.examples[0])


def test_batches_are_no_larger_than_asked_and_hold_each_text_once() -> None:
    batches: list[list[str]] = []

    def recording(texts: list[str]) -> np.ndarray:
        batches.append(texts)
        return predict(texts)

    attack_toy(["several long words make many candidates"], [1], predict=recording, batch_size=3)
    assert max(map(len, batches)) == 3
    assert all(len(set(batch)) == len(batch) for batch in batches)


def test_pairs_are_attacked_as_pairs() -> None:
    def predict_pairs(pairs: list[tuple[str, str]]) -> np.ndarray:
        return np.array([[3.0, 0.0, 0.0] if "bad" in second else [0.0, 3.0, 0.0] for _, second in pairs])

    pairs = [("the film", "it was bad"), ("a bad film", "it was")]
    outcome = attack_toy(pairs, [0, 1], predict=predict_pairs)
    succeeded, failed = outcome.examples
    assert (succeeded.outcome, failed.outcome) == ("succeeded", "failed")
    assert succeeded.original_text == pairs[0]
    assert isinstance(succeeded.attacked_text, tuple)
    assert succeeded.attacked_text[0] == "the film"
    assert "bad" not in succeeded.attacked_text[1]
    assert outcome.to_table().column("attacked_second_text").to_pylist()[0] == succeeded.attacked_text[1]


def test_progress_is_reported_after_each_example() -> None:
    calls: list[tuple[int, int]] = []
    attack_toy(on_progress=lambda done, of: calls.append((done, of)))
    assert calls == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


def test_what_the_model_raises_passes_through() -> None:
    class OutOfMemory(Exception):
        pass

    seen = 0

    def failing(texts: list[str]) -> np.ndarray:
        nonlocal seen
        seen += len(texts)
        if seen > 3:
            raise OutOfMemory
        return predict(texts)

    with pytest.raises(OutOfMemory):
        attack_toy(predict=failing)


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (lambda n: np.zeros(n), "shape"),
        (lambda n: np.zeros((n + 1, 2)), "shape"),
        (lambda n: np.full((n, 2), np.nan), "not finite"),
        (lambda n: np.zeros((n, 1)), "label 1 does not exist"),
    ],
)
def test_logits_of_the_wrong_kind_are_refused(logits: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attack_toy(predict=lambda texts: logits(len(texts)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"texts": [], "labels": []}, "no texts"),
        ({"labels": [0]}, "as many"),
        ({"positions": [0]}, "as many"),
        ({"labels": [0, 1, 0, -1, 1]}, "label -1 in row 3"),
        ({"labels": [0, 1, 0.5, 0, 1]}, "label 0.5 in row 2"),
        ({"max_queries": 0}, "max_queries"),
        ({"batch_size": 0}, "batch_size"),
        ({"texts": ["a", ("a", "b")], "labels": [0, 0]}, "single texts and pairs"),
    ],
)
def test_wrong_arguments_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attack_toy(**changes)


def test_an_attack_with_another_goal_is_refused() -> None:
    def build_targeted(model: Any) -> Any:
        built = build_deletions(model)
        built.goal_function = import_textattack().goal_functions.TargetedClassification(model)
        return built

    with pytest.raises(ValueError, match="not any wrong class"):
        attack_toy(attack=Attack("targeted", "s", "p", build_targeted))


def test_the_wrapper_asks_once_per_text_and_keeps_the_order() -> None:
    asked: list[list[str]] = []

    def recording(texts: list[str]) -> np.ndarray:
        asked.append(texts)
        return predict(texts)

    probabilities = wrap_model(recording)(["fine", "bad", "fine", "bad"])
    assert asked == [["fine", "bad"]]
    assert probabilities.dtype == np.float64
    np.testing.assert_array_equal(probabilities.argmax(axis=1), [1, 0, 1, 0])


def test_logits_that_sum_to_one_are_not_taken_for_probabilities() -> None:
    goal = import_textattack().goal_functions.UntargetedClassification(
        wrap_model(lambda texts: np.tile([3.0, -2.0], (len(texts), 1)))
    )
    text = import_textattack().shared.AttackedText("any")
    result, _ = goal.init_attack_example(text, 0)
    assert result.score == pytest.approx(1 - 1 / (1 + np.exp(-5)))


def test_probabilities_of_many_classes_go_through_no_second_softmax() -> None:
    logits = np.random.default_rng(0).normal(scale=3, size=5000).astype(np.float32)
    goal = import_textattack().goal_functions.UntargetedClassification(
        wrap_model(lambda texts: np.tile(logits, (len(texts), 1)))
    )
    label = int(logits.argmax())
    result, _ = goal.init_attack_example(import_textattack().shared.AttackedText("any"), label)
    exponentials = np.exp(logits.astype(np.float64))
    assert result.score == pytest.approx(1 - exponentials[label] / exponentials.sum())


def test_finished_examples_are_not_attacked_again() -> None:
    whole = toy_outcome()
    new: list[AttackedExample] = []
    calls: list[int] = []
    resumed = attack_toy(
        finished=whole.examples[:2], on_finished=new.append, on_progress=lambda done, of: calls.append(done)
    )
    assert resumed.examples == whole.examples
    assert tuple(new) == whole.examples[2:]
    assert calls == [1, 2, 3, 4, 5]

    def fail(texts: list[str]) -> np.ndarray:
        raise AssertionError("there is nothing left to ask")

    assert attack_toy(finished=whole.examples, predict=fail).examples == whole.examples
    with pytest.raises(ValueError, match="finished example 0 is another"):
        attack_toy(finished=whole.examples[1:2])
    with pytest.raises(ValueError, match="10 examples are finished"):
        attack_toy(finished=whole.examples * 2)


def test_words_changed_are_counted_as_edits() -> None:
    def build_word_deletions(model: Any) -> Any:
        built = build_deletions(model)
        return import_textattack().Attack(
            built.goal_function, [], import_textattack().transformations.WordDeletion(), built.search_method
        )

    # Without its first word every position differs, but one word has gone.
    outcome = attack_toy(["bad film and plot"], [0], attack=Attack("words", "s", "p", build_word_deletions))
    (example,) = outcome.examples
    assert (example.attacked_text, example.words_changed, example.words_left) == ("film and plot", 1, 3)


def test_means_by_hand() -> None:
    outcome = attack_toy(["bad", "film", "bad plot", "film"], [0, 0, 0, 1], attack=DELETIONS)
    assert [e.outcome for e in outcome.examples] == ["succeeded", "skipped", "succeeded", "failed"]
    assert outcome.queries_per_text == (5 + 6 + 6) / 3  # the skipped one is left out
    assert outcome.words_changed == 1
    assert outcome.words_left == (1 + 2 + 1) / 3
    with pytest.raises(UndefinedMetric, match="not measured"):
        _ = outcome.similarity
    nothing = attack_toy(["it was"], [1])
    for name in ("words_changed", "similarity"):
        with pytest.raises(UndefinedMetric, match="no attack succeeded"):
            getattr(nothing, name)
    skipped = attack_toy(["bad"], [1])
    with pytest.raises(UndefinedMetric, match="wrong on every example"):
        _ = skipped.queries_per_text


def test_a_text_without_words_cannot_be_turned() -> None:
    outcome = attack_toy(["...", "!"], [1, 0])
    assert [(e.outcome, e.queries, e.words_left) for e in outcome.examples] == [("failed", 1, 0), ("skipped", 1, 0)]


def test_success_rate_is_undefined_when_everything_is_skipped() -> None:
    outcome = attack_toy(["bad film"], [1])
    assert outcome.accuracy_under_attack == 0.0
    with pytest.raises(UndefinedMetric, match="wrong on every example"):
        _ = outcome.attack_success_rate


def test_parquet_is_complete_and_repeats_byte_for_byte(tmp_path: Path) -> None:
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    outcome = toy_outcome()
    outcome.write_parquet(first)
    dataclasses.replace(toy_outcome(), seconds=99.0).write_parquet(second)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.parquet", "second.parquet"]
    table = pyarrow.parquet.read_table(first)
    fields = [field.name for field in dataclasses.fields(AttackedExample)]
    for row, example in zip(table.to_pylist(), outcome.examples, strict=True):
        assert {name: row[name] for name in fields} == dataclasses.asdict(example)
        assert row["original_second_text"] is None
    run = {"attack": "deepwordbug", "goal": "misclassification", "seed": "0", "max_queries": "none", "field": "none"}
    assert {key.decode(): value.decode() for key, value in table.schema.metadata.items()} == run


def test_agreement_with_the_stock_wrapper_on_a_random_bert(tmp_path: Path) -> None:
    import string

    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    # One token per letter, so that every misspelling is another input and scores do not tie.
    letters = string.ascii_letters + "'"
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (tmp_path / "vocab.txt").write_text("\n".join(tokens))
    tokenizer = BertTokenizerFast(str(tmp_path / "vocab.txt"), do_lower_case=False, model_max_length=64)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.5,
        num_labels=2,
    )
    model = BertForSequenceClassification(config).eval()

    def predict_bert(texts: list[str]) -> np.ndarray:
        inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        with torch.no_grad():
            logits: np.ndarray = model(**inputs).logits.numpy()
        return logits

    texts = [
        "a gripping story told with humour",
        "flat dialogue and no ideas",
        "it was",
        "never dull for long",
        "the camera work is splendid",
        "hardly worth an evening",
        "charming cast",
        "tedious",
    ]
    predicted = predict_bert(texts).argmax(axis=1)
    labels = [int(label) for label in predicted]
    labels[-1] = 1 - labels[-1]  # one to be skipped

    ours = run_attack(DEEPWORDBUG, predict_bert, texts, labels, max_queries=60, seed=3)
    textattack = import_textattack()
    stock = DEEPWORDBUG.build(textattack.models.wrappers.HuggingFaceModelWrapper(model, tokenizer))
    stock.goal_function.query_budget = 60
    names = {
        "SuccessfulAttackResult": "succeeded",
        "FailedAttackResult": "failed",
        "SkippedAttackResult": "skipped",
    }
    for position, (text, label) in enumerate(zip(texts, labels, strict=True)):
        seed_global_generators(3, position)
        result = stock.attack(text, label)
        mine = ours.examples[position]
        assert mine.outcome == names[type(result).__name__]
        assert mine.attacked_text == result.perturbed_result.attacked_text.text
        assert mine.queries == result.num_queries
    assert min(ours.counts.values()) > 0, "the comparison must meet every kind of outcome"
