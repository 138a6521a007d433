"""torch, imported when it is first used.

Importing torch takes seconds. Listing and describing methods needs none of it, so the modules of this package take
torch from here and never touch it while they are being imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
else:
    from types import ModuleType

    # Not importlib.util.LazyLoader, which puts an unloaded torch among the loaded modules: whoever looks there whether
    # torch is in use, as matplotlib does for every value it draws, would load it.
    class _TorchOnUse(ModuleType):
        def __getattr__(self, name):
            import torch

            return getattr(torch, name)

    torch = _TorchOnUse("torch")

__all__ = ["torch"]
