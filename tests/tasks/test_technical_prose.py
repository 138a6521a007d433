from __future__ import annotations

import re

import pytest

from tasks.technical_prose import sentences, technical_sentences


def found(text: str) -> list[str]:
    return list(sentences(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":func:`sklearn.load` gives all the data back.", "sklearn.load gives all the data back."),
        ("Use the loader :class:`~sklearn.Bunch` for all data.", "Use the loader sklearn.Bunch for all data."),
        ("See :ref:`the user guide <guide>` for all the rest.", "See the user guide for all the rest."),
        ("The ``data`` member holds all the values.", "The data member holds all the values."),
        ("It is at the `home page <https://a.example/b>`_ of it.", "It is at the home page of it."),
        ("It is at the `home\npage <https://a.example/b>`__ of it.", "It is at the home page of it."),
        ("The attributes `data` and `target` are returned here.", "The attributes data and target are returned here."),
        ("It comes from the old `home page`_ of it.", "It comes from the old home page of it."),
        ("A **remove** option strips *all* the headers.", "A remove option strips all the headers."),
        ("The set was made by the Lab [2]_.", "The set was made by the Lab."),
    ],
    ids=[
        "role",
        "short role",
        "role with a title",
        "literal",
        "link",
        "link over two lines",
        "interpreted",
        "reference",
        "emphasis",
        "citation",
    ],
)
def test_markup_is_removed(text: str, expected: str) -> None:
    assert found(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        ":Number of Attributes: 30 numeric, predictive attributes and the class.",
        ".. note:: this whole paragraph belongs to a directive.",
        ">>> from sklearn import datasets as some other name.",
        ">>> a = 1\nThis line is what the doctest above prints.",
        "===== ===== =====\none   two   three and some more words.\n===== ===== =====",
        "A heading of six words here.\n----------------------------",
        "A heading of six words here.\n~~~~~~~~~~~~~~~~~~~~~~~~~~~~",
        "+---+---+\n| one | two | three | four | five words. |\n+---+---+",
        "This is a copy of the set of\nhttps://a.example/with/some/words.",
        "A split is proposed as in [1]_ by the authors.",
        "x = [one, two, three, four, five] are values.",
        "Forina, PARVUS -\nAn Extendable Package of Programs for Data Exploration.",
    ],
    ids=[
        "field",
        "directive",
        "doctest",
        "doctest output",
        "table",
        "heading",
        "lower heading",
        "grid table",
        "address",
        "citation as a noun",
        "code",
        "citation in prose",
    ],
)
def test_what_is_no_prose_is_left_out(text: str) -> None:
    assert found(text) == []
    assert found(f"{text}\n\nThis is prose of seven plain words.") == ["This is prose of seven plain words."]


def test_list_items_are_read_one_by_one() -> None:
    text = (
        "- The first item has six\n  or more words.\n"
        "* The second item has them as well.\n"
        "1. So has the third of the items.\n"
    )
    assert found(text) == [
        "The first item has six or more words.",
        "The second item has them as well.",
        "So has the third of the items.",
    ]


def test_an_item_that_is_no_prose_does_not_take_the_others_along() -> None:
    assert found("- data = [one, two, three, four, five].\n- The second item is one of prose.\n") == [
        "The second item is one of prose."
    ]


def test_sentences_are_told_apart() -> None:
    text = (
        "It was used by Sir R.A. Fisher first. The U.S.\nCensus Bureau counts all the people. "
        "(It says so in this sentence.) Is this a sentence of prose? Too short. 32x32 bitmaps follow here"
    )
    assert found(text) == [
        "It was used by Sir R.A. Fisher first.",
        "The U.S. Census Bureau counts all the people.",
        "(It says so in this sentence.)",
    ]


def test_lines_may_begin_with_a_number_a_quote_or_a_role() -> None:
    assert found("The set has posts on\n20 topics called\n'news' and\n:func:`load` gives it.") == [
        "The set has posts on 20 topics called 'news' and load gives it."
    ]


@pytest.mark.parametrize("directive", ["dropdown", "rubric"])
def test_references_are_left_out_up_to_the_next_directive(directive: str) -> None:
    text = (
        f"Prose before the references is kept here.\n\n.. {directive}:: References\n\n"
        "- Duda, R.O. Pattern Classification and Scene Analysis.\n\n"
        ".. [1] Lewis, D. A new collection for text categorization.\n\n"
        "A remark among the references goes as well.\n\n"
        ".. rubric:: Usage\n\nProse after the references is kept here.\n"
    )
    assert found(text) == ["Prose before the references is kept here.", "Prose after the references is kept here."]


def test_the_installed_descriptions() -> None:
    prose = technical_sentences()
    assert len(prose) == 100, "from scikit-learn 1.5 to 1.9 there are 100"
    assert len(set(prose)) == 100
    assert prose[0].startswith('The mean, standard error, and "worst" or largest')
    assert prose[-1].startswith("There are thirteen different measurements")


def test_the_installed_descriptions_leave_no_markup() -> None:
    markup = re.compile(r"`|:[a-z]+:|://|\*|\]_|\[|>>>|--|==|\.\.\s|\||  |\n")
    assert [sentence for sentence in technical_sentences() if markup.search(sentence)] == []
    assert all(len(sentence.split()) >= 6 for sentence in technical_sentences())
