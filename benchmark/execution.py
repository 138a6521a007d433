"""How cells are carried out: nothing here is part of what a cell is."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.processes import ONE_PROCESS, Processes


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Choices of one run; all but `processes` leave scores as they are."""

    keep_model: bool = False
    """Also save each fine-tuned model and its tokenizer."""
    attack_workers: int | None = None
    """Processes of an attack; None is as many as there are cores."""
    checkpoint_every: int | None = None
    """Optimizer steps between training checkpoints; None is one at the end of each epoch alone."""
    processes: Processes = ONE_PROCESS
    """Those that fine-tune each cell together. Each draws dropout and noise of its own, so another number of them,
    which the record names, changes results as other noise would."""


AS_USUAL = Execution()
"""Nothing chosen."""
