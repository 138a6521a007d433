"""Matching a classifier's own class names with a task's labels."""

from __future__ import annotations

import re
from collections.abc import Sequence

SYNONYMS = {
    "neg": "negative",
    "pos": "positive",
    "entail": "entailment",
    "entails": "entailment",
    "entailed": "entailment",
    "contradict": "contradiction",
    "contradicts": "contradiction",
    "contradictory": "contradiction",
}
"""Other usual names of the classes of sentiment and entailment."""


def label_order(class_names: Sequence[str], labels: Sequence[str]) -> tuple[int, ...] | None:
    """Where each of the task's labels stands among a classifier's class names.

    Case, ``_``, ``-`` and spaces are ignored, and usual synonyms are known.

    Args:
        class_names: the classifier's, in the order of its logits.
        labels: the task's.

    Returns:
        Position of each label, in the order of the labels; None unless names and labels match one to one.
    """
    found = [_canonical(name) for name in class_names]
    wanted = [_canonical(label) for label in labels]
    if sorted(found) != sorted(wanted) or len(set(wanted)) < len(wanted):
        return None
    return tuple(found.index(label) for label in wanted)


def _canonical(name: str) -> str:
    letters = re.sub(r"[\s_-]+", "", name).casefold()
    return SYNONYMS.get(letters, letters)
