import math

import pytest
import torch

from methods.architecture import AUXILIARY_NETWORKS, head_parameters
from methods.contrastive import attach_network, attached_network, detach_network, info_nce


@pytest.mark.parametrize("size", [1, 2, 5])
def test_info_nce_equals_a_naive_loop(size):
    torch.manual_seed(0)
    scores = (3 * torch.randn(size, size, dtype=torch.float64)).requires_grad_()
    expected = torch.zeros((), dtype=torch.float64)
    for anchor in range(size):
        total = sum(math.e ** scores[anchor, candidate] for candidate in range(size))
        expected = expected - torch.log(math.e ** scores[anchor, anchor] / total) / size
    found = info_nce(scores)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad(found, scores), torch.autograd.grad(expected, scores), rtol=0, atol=1e-12
    )


def test_info_nce_bounds_information_by_the_logarithm_of_the_group():
    certain = 100 * torch.eye(8)
    assert math.log(8) - float(info_nce(certain)) == pytest.approx(math.log(8))
    assert math.log(8) - float(info_nce(torch.zeros(8, 8))) == pytest.approx(0.0, abs=1e-6)


def test_half_precision_scores_are_compared_in_single_precision():
    assert info_nce(torch.randn(4, 4, dtype=torch.bfloat16)).dtype == torch.float32


def test_attached_network_is_part_of_the_model_until_it_is_taken_out_again(tiny_model):
    model = tiny_model("bert").double()
    names, head = set(model.state_dict()), set(head_parameters(model))
    attach_network(model, "extra", lambda: torch.nn.Linear(3, 2))
    found = {f"{AUXILIARY_NETWORKS}.extra.weight", f"{AUXILIARY_NETWORKS}.extra.bias"}
    assert set(model.state_dict()) - names == found
    assert found <= set(dict(model.named_parameters()))
    assert attached_network(model, "extra").weight.dtype == torch.float64
    assert set(head_parameters(model)) == head
    assert not any("extra" in name for name in model.base_model.state_dict())
    attach_network(model, "extra", lambda: torch.nn.Linear(5, 2))
    assert attached_network(model, "extra").weight.shape == (2, 5)
    attach_network(model, "other", lambda: torch.nn.Linear(1, 1))
    detach_network(model, "extra")
    assert attached_network(model, "other").weight.shape == (1, 1)
    detach_network(model, "other")
    assert set(model.state_dict()) == names
    assert not hasattr(model, AUXILIARY_NETWORKS)


def test_network_of_a_model_without_weights_has_none_either(tiny_model):
    model = tiny_model("bert").to("meta")
    attach_network(model, "extra", lambda: torch.nn.Linear(3, 2))
    assert attached_network(model, "extra").weight.is_meta
