"""Live attacks: TextAttack recipes run against a model.

Importing this package registers the built-in attacks and imports nothing heavy; TextAttack is imported when an
attack is built. :func:`benchmark.attacks.run.run_attack` runs one.
"""

import benchmark.attacks.deepwordbug  # noqa: F401  (registers its attack)
from benchmark.attacks.registry import Attack, attacks, register_attack

__all__ = ["Attack", "attacks", "register_attack"]
