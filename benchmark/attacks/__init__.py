"""Live attacks: TextAttack recipes run against a model.

Importing this package registers the built-in attacks and imports nothing heavy; TextAttack is imported when an
attack is built. :func:`benchmark.attacks.run.run_attack` runs one.
"""

from benchmark.attacks import (  # noqa: F401  (each registers its attacks)
    a2t,
    checklist,
    deepwordbug,
    genetic,
    hotflip,
    input_reduction,
    masked_words,
    pruthi,
    pwws,
    textbugger,
    textfooler,
)
from benchmark.attacks.registry import Attack, attacks, register_attack

__all__ = ["Attack", "attacks", "register_attack"]
