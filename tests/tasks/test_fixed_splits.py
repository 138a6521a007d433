from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable

import pytest

from tasks import Examples
from tasks.splits import sample, split

Row = tuple[str, int]


def rows(examples: Examples) -> list[Row]:
    assert examples.labels is not None
    return list(zip(examples.texts, examples.labels, strict=True))


def shuffled(examples: Examples, seed: int = 1) -> Examples:
    order = list(range(len(examples)))
    random.Random(seed).shuffle(order)
    return examples.select(order)


@pytest.fixture
def repeats() -> Examples:
    """400 texts, of which 100 occur again with another case and another label."""
    texts = [f"Sentence number {row}" for row in range(300)]
    again = [f"SENTENCE, number {row}!" for row in range(100)]
    return shuffled(
        Examples(
            texts=(*texts, *again), labels=(*(row % 2 for row in range(300)), *((row + 1) % 2 for row in range(100)))
        )
    )


def test_split_is_the_same_everywhere(numbered: Callable[[int], Examples]) -> None:
    aside, _ = split(numbered(12), 3, seed=0)
    assert aside.texts == ("text number 0", "text number 2", "text number 10")


def test_split_has_the_asked_size_and_loses_nothing(numbered: Callable[[int], Examples]) -> None:
    whole = numbered(200)
    aside, rest = split(whole, 30, seed=0)
    assert len(aside) == 30
    assert sorted(rows(aside) + rows(rest)) == sorted(rows(whole))


def test_split_does_not_depend_on_the_order_of_the_source(repeats: Examples) -> None:
    aside, rest = split(repeats, 40, seed=0)
    other_aside, other_rest = split(shuffled(repeats), 40, seed=0)
    assert sorted(rows(aside)) == sorted(rows(other_aside))
    assert sorted(rows(rest)) == sorted(rows(other_rest))


def test_repeats_of_a_text_fall_on_one_side(repeats: Examples) -> None:
    aside, rest = split(repeats, 150, seed=0)
    assert set(aside.keys()).isdisjoint(rest.keys())
    assert len(set(aside.keys())) == 150
    assert len(aside) > 150, "no repeats were set aside, so this test shows nothing"


def test_another_seed_gives_another_split(numbered: Callable[[int], Examples]) -> None:
    whole = numbered(200)
    assert split(whole, 30, seed=0)[0] != split(whole, 30, seed=1)[0]


@pytest.mark.parametrize("part", [0, 1])
def test_split_keeps_the_order_of_the_source(part: int, repeats: Examples) -> None:
    found = rows(split(repeats, 150, seed=0)[part])
    chosen = set(found)
    assert found == [row for row in rows(repeats) if row in chosen]


def test_split_of_nothing(numbered: Callable[[int], Examples]) -> None:
    aside, rest = split(numbered(5), 0, seed=0)
    assert (len(aside), rest) == (0, numbered(5))


@pytest.mark.parametrize("size", [5, 6])
def test_split_of_everything(size: int, numbered: Callable[[int], Examples]) -> None:
    aside, rest = split(numbered(5), size, seed=0)
    assert (aside, len(rest)) == (numbered(5), 0)


def test_pairs_are_split_by_both_texts() -> None:
    pairs = Examples(texts=("the same",) * 100, second_texts=tuple(f"second {row}" for row in range(100)))
    aside, rest = split(pairs, 20, seed=0)
    assert (len(aside), len(rest)) == (20, 80)


@pytest.mark.parametrize("size", [0, 1, 57, 399])
def test_sample_has_the_asked_size(size: int, repeats: Examples) -> None:
    assert len(sample(repeats, size, seed=0)) == size


@pytest.mark.parametrize("size", [None, 400, 401])
def test_sample_of_everything(size: int | None, repeats: Examples) -> None:
    assert sample(repeats, size, seed=0) == repeats


@pytest.mark.parametrize("size", [1, 50, 201, 350])
def test_sample_does_not_depend_on_the_order_of_the_source(size: int, repeats: Examples) -> None:
    assert sorted(rows(sample(repeats, size, seed=0))) == sorted(rows(sample(shuffled(repeats), size, seed=0)))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_rows_of_one_key_are_told_apart_by_what_they_hold(size: int) -> None:
    pairs = Examples(texts=("a", "A", "a", "a"), second_texts=("b", "b", "B", "b"), labels=(0, 0, 0, 1))
    assert len(set(pairs.keys())) == 1
    samples = [sample(pairs.select(order), size, seed=0) for order in itertools.permutations(range(4))]
    assert len({frozenset(found.select([row]).sha256() for row in range(size)) for found in samples}) == 1


def test_a_larger_sample_contains_a_smaller_one(repeats: Examples) -> None:
    samples = [Counter(rows(sample(repeats, size, seed=0))) for size in range(0, 400, 7)]
    assert all(small <= large for small, large in itertools.pairwise(samples))


@pytest.mark.parametrize("size", [1, 100, 250])
def test_a_sample_of_a_sample_is_the_sample_of_the_whole(size: int, repeats: Examples) -> None:
    assert sample(sample(repeats, 300, seed=0), size, seed=0) == sample(repeats, size, seed=0)


def test_equal_rows_are_counted_one_by_one() -> None:
    assert sample(Examples(texts=("same",) * 9), 4, seed=0) == Examples(texts=("same",) * 4)


def test_sample_keeps_the_order_of_the_source(repeats: Examples) -> None:
    found = rows(sample(repeats, 120, seed=0))
    chosen = set(found)
    assert found == [row for row in rows(repeats) if row in chosen]


def test_another_seed_gives_another_sample(repeats: Examples) -> None:
    assert sample(repeats, 120, seed=0) != sample(repeats, 120, seed=1)


def test_sample_of_pairs_keeps_the_pairs() -> None:
    pairs = Examples(
        texts=tuple(f"first {row}" for row in range(50)), second_texts=tuple(f"second {row}" for row in range(50))
    )
    found = sample(pairs, 10, seed=0)
    assert found.second_texts == tuple(text.replace("first", "second") for text in found.texts)
