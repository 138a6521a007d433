"""PyTorch's restricted unpickler, whatever the environment says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

FORCED, FORCED_OFF = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
"""Variables that ``torch.load`` heeds each time it is called."""


@contextmanager
def weights_only() -> Iterator[None]:
    """Within the block, ``torch.load`` unpickles tensors and plain values alone, even where it is not asked to.

    For calls in other libraries; a call here says ``weights_only=True`` itself.
    """
    before = {name: os.environ.pop(name, None) for name in (FORCED, FORCED_OFF)}
    os.environ[FORCED] = "1"
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
