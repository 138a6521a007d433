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
    (re.compile(r"\s*\[\d+\]_"), ""),  # a citation
)
NO_PROSE = re.compile(r"^(\.\.|:|\||=|~|\+|>>>|\(\d|\[|'|\d)|--|\.\.\.|  \S+  |[{}\[\]=|]")
LIST_ITEM = re.compile(r"^(?:[-*]|\d+\.)\s+", re.MULTILINE)
SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")
SHORTEST = 6
"""Words a sentence needs; shorter ones are headings and remnants."""


def technical_sentences() -> list[str]:
    """Sentences of the prose paragraphs of every description, in file order, without repeats."""
    folder = files("sklearn.datasets.descr")
    documents = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".rst")), key=lambda entry: entry.name
    )
    found: dict[str, None] = {}
    for document in documents:
        for paragraph in _paragraphs(document.read_text(encoding="utf-8")):
            for sentence in SENTENCE_END.split(paragraph):
                if len(sentence.split()) >= SHORTEST and sentence.endswith("."):
                    found[sentence] = None
    return list(found)


def _paragraphs(text: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", text):
        dedented = "\n".join(line.strip() for line in block.splitlines())
        for item in LIST_ITEM.split(dedented):
            lines = item.strip().splitlines()
            if not lines or any(NO_PROSE.search(line) for line in lines):
                continue
            paragraph = " ".join(lines)
            for pattern, replacement in MARKUP:
                paragraph = pattern.sub(replacement, paragraph)
            yield " ".join(paragraph.split())
