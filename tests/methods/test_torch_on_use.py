from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from methods import torch_on_use


def test_it_is_torch() -> None:
    assert torch_on_use.torch.Tensor is torch.Tensor
    assert torch_on_use.torch.nn.functional is torch.nn.functional
    assert torch_on_use.torch.__version__ == torch.__version__


def test_what_torch_lacks_is_missed_as_there() -> None:
    with pytest.raises(AttributeError, match="tensro"):
        torch_on_use.torch.tensro  # noqa: B018


def test_what_is_replaced_in_torch_is_replaced_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert torch_on_use.torch.rand is torch.rand
    monkeypatch.setattr(torch, "rand", len)
    assert torch_on_use.torch.rand is len


@pytest.mark.parametrize(
    ("code", "loaded"), [("import methods", False), ("import methods.trainer", True), ("methods.ema.torch.nn", True)]
)
def test_torch_is_loaded_on_use_and_not_announced_before(code: str, loaded: bool) -> None:
    # Libraries ask sys.modules whether torch is in use, and read attributes of what they find there.
    program = f"import sys, methods\n{code}\nprint('torch' in sys.modules, 'torch._C' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(loaded)] * 2
