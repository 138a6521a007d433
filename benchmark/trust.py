"""What the user lets the files of a model do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Asked for on the command line, for the backbones or the checkpoint named beside it; nothing by default."""

    pickled_weights: bool = False
    """Weights may come from ``pytorch_model.bin``, through PyTorch's unpickler of tensors alone."""
    remote_code: bool = False
    """Code that comes with the model may run."""

    def given(self) -> dict[str, bool]:
        """What was asked for, by the names of the options."""
        asked = {"pickled_weights": self.pickled_weights, "trust_remote_code": self.remote_code}
        return {name: value for name, value in asked.items() if value}


NO_TRUST = Trust()
"""Weights are safetensors, and models are of classes that transformers has itself."""
