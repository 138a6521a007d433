from __future__ import annotations

import unicodedata

import pytest

from tasks import Examples

PAIRS = Examples(
    texts=("a man sleeps", "two dogs", "née à Łódź"),
    second_texts=("a man rests", "one cat", "born"),
    labels=(0, 2, 1),
)


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^2 texts but 1 labels\.$"):
        Examples(texts=("a", "b"), labels=(0,))


def test_second_texts_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^1 texts but 2 second_texts\.$"):
        Examples(texts=("a",), second_texts=("b", "c"))


def test_select_keeps_the_given_order_in_every_column() -> None:
    assert PAIRS.select([2, 0]) == Examples(
        texts=("née à Łódź", "a man sleeps"), second_texts=("born", "a man rests"), labels=(1, 0)
    )


def test_select_keeps_absent_columns_absent() -> None:
    assert Examples(texts=("a", "b")).select([1]) == Examples(texts=("b",))


def key_of(text: str, second: str | None = None) -> str:
    return Examples(texts=(text,), second_texts=None if second is None else (second,)).keys()[0]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("A fine film.", "a FINE film"),
        ("a_fine_film", "a fine film"),
        ("it 's -- well , fine !", "it's well, fine"),
        ("CAFÉ", "café"),
        (unicodedata.normalize("NFD", "café"), unicodedata.normalize("NFC", "café")),
        ("Straße", "STRASSE"),
        ("tab\there", "tab here"),
    ],
)
def test_case_punctuation_and_spelling_of_accents_make_no_other_text(text: str, same: str) -> None:
    assert key_of(text) == key_of(same)


@pytest.mark.parametrize(
    ("text", "other"), [("café", "cafe"), ("version 1", "version 2"), ("Łódź", "Lodz"), ("猫", "犬")]
)
def test_other_letters_or_digits_make_another_text(text: str, other: str) -> None:
    assert key_of(text) != key_of(other)


def test_key_of_a_pair_depends_on_both_and_on_which_is_first() -> None:
    keys = {key_of("a", "b"), key_of("b", "a"), key_of("ab", ""), key_of("", "ab"), key_of("a", "c")}
    assert len(keys) == 5


def test_fingerprint_is_the_same_on_every_machine() -> None:
    assert PAIRS.sha256() == "4c5b26b3055b5019645a1e858a370c9c0ae291767d9f6ac3f2af3f0dbcf8e5f9"


@pytest.mark.parametrize(
    "other",
    [
        Examples(("a man sleeps.", "two dogs", "née à Łódź"), PAIRS.second_texts, PAIRS.labels),
        Examples(PAIRS.texts, ("a man rests", "one cat", "Born"), PAIRS.labels),
        Examples(PAIRS.texts, PAIRS.second_texts, (0, 2, 2)),
        Examples(PAIRS.texts, PAIRS.second_texts),
        Examples(PAIRS.texts, None, PAIRS.labels),
        PAIRS.select([1, 0, 2]),
        PAIRS.select([0, 1]),
        PAIRS.select([0, 1, 2, 2]),
    ],
    ids=["text", "second text", "label", "no labels", "no second texts", "order", "row less", "row twice"],
)
def test_fingerprint_changes_with(other: Examples) -> None:
    assert other.sha256() != PAIRS.sha256()
