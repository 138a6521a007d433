"""The English stop words that attacks leave alone."""

from functools import cache
from importlib.resources import files


@cache
def english_stop_words() -> frozenset[str]:
    """NLTK's English stop words, from the list shipped in this package (see stop_words/NOTICE.md).

    Shipped, so that an attack needs no download and finds the same words on every machine.
    """
    text = files("benchmark.attacks").joinpath("stop_words", "english.txt").read_text(encoding="utf-8")
    return frozenset(text.split())
