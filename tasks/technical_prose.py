"""Technical prose: sentences of scikit-learn's own data-set descriptions, unlike any review."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

MARKUP = (
    (re.compile(r":[\w:]+:`~?([^`<]+?)(?:\s*<[^>]*>)?`"), r"\1"),  # a role: :func:`name`
    (re.compile(r"``([^`]*)``"), r"\1"),  # a literal
    (re.compile(r"`([^`<]+?)\s*<[^>]*>`_{0,2}"), r"\1"),  # a link
    (re.compile(r"`([^`]+)`_{0,2}"), r"\1"),  # interpreted text
    (re.compile(r"\*{1,2}([^*]+)\*{1,2}"), r"\1"),  # emphasis
    (re.compile(r"(?<!\bin)\s\[\d+\]_"), ""),  # a citation; "as in [3]_" needs it, and is left out below
)
REFERENCES = re.compile(r"^\.\. (?:dropdown|rubric):: References\n.*?(?=^\.\. [a-z]|\Z)", re.MULTILINE | re.DOTALL)
NO_PROSE = re.compile(
    r"^(\.\.|:|>>>)"  # a directive, a field, a doctest
    r"|--|://|[{}\[\]=|]"  # a rule, an address, code or a table
    r"| -( |$)"  # a term before its definition, an author before a title
)
LIST_ITEM = re.compile(r"^(?:[-*]|\d+\.)\s+", re.MULTILINE)
SENTENCE_END = re.compile(r"(?:(?<=[.?!])|(?<=[.?!][)\"]))(?<!\b[A-Z]\.)\s+(?=[\"(]?[A-Z])")
"""Not after an initial, as in "R.A. Fisher"."""
SHORTEST = 6
"""Words a sentence needs; shorter ones are headings and remnants."""


def technical_sentences() -> list[str]:
    """Sentences of the prose paragraphs of every description, in file order, without repeats."""
    folder = files("sklearn").joinpath("datasets", "descr")  # importing sklearn.datasets would take seconds
    documents = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".rst")), key=lambda entry: entry.name
    )
    return list(dict.fromkeys(found for document in documents for found in sentences(document.read_text("utf-8"))))


def sentences(text: str) -> Iterator[str]:
    """Sentences of the prose paragraphs and list items of a reStructuredText, markup removed."""
    for paragraph in _paragraphs(text):
        for sentence in SENTENCE_END.split(paragraph):
            if len(sentence.split()) >= SHORTEST and sentence.endswith((".", ".)")):
                yield sentence


def _paragraphs(text: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", REFERENCES.sub("", text)):
        dedented = "\n".join(line.strip() for line in block.splitlines())
        for item in LIST_ITEM.split(dedented):
            for pattern, replacement in MARKUP:
                item = pattern.sub(replacement, item)
            if not any(NO_PROSE.search(line) for line in item.splitlines()):
                yield " ".join(item.split())
