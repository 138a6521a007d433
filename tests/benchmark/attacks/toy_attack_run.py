"""An attack run on a keyword classifier, for tests in this process and in others."""

import numpy as np

from benchmark.attacks import attacks
from benchmark.attacks.outcome import AttackOutcome
from benchmark.attacks.run import run_attack

# A text is of class 0 when it has the word "bad", else of class 1. Misspelling "bad" turns a text over, and no
# change of one letter per word makes a "bad" out of the words below.
EXAMPLES = [
    ("a bad film", 0),  # succeeds
    ("a fine film", 1),  # fails: nothing in it matters
    ("terrible plot", 0),  # skipped: predicted 1 to begin with
    ("bad", 0),  # succeeds
    ("it is what it was", 1),  # fails: nothing but stop words
]
TEXTS = [text for text, _ in EXAMPLES]
LABELS = [label for _, label in EXAMPLES]


def predict(texts: list[str]) -> np.ndarray:
    return np.array([[3.0, 0.0] if "bad" in text.split() else [0.0, 3.0] for text in texts])


def toy_outcome(seed: int = 0) -> AttackOutcome:
    return run_attack(attacks["deepwordbug"], predict, TEXTS, LABELS, max_queries=None, seed=seed)
