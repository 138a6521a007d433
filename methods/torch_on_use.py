"""torch, imported when it is first used.

Importing torch takes seconds. Listing and describing methods needs none of it, so the modules of this package take
torch from here and never touch it while they are being imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
else:
    import lazy_loader

    torch = lazy_loader.load("torch")

__all__ = ["torch"]
