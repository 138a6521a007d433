import naive
import pytest
import torch
from pydantic import ValidationError
from tiny_architectures import tiny_configurations
from torch.nn import functional

from methods import methods

RDrop = methods["r-drop"]
DROPOUT = {"hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.3}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_loss_and_gradients_equal_the_naive_reference(tiny_model, batch, reduction):
    model = tiny_model("bert", **DROPOUT).double().train()
    torch.manual_seed(5)
    found = RDrop(consistency_weight=0.7, reduction=reduction).loss(model, batch)

    torch.manual_seed(5)
    one, other = (model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits for _ in range(2))
    assert not torch.allclose(one, other)
    divergences = naive.symmetric_kl(one.softmax(-1), other.softmax(-1))
    expected = functional.cross_entropy(one, batch["labels"]) + functional.cross_entropy(other, batch["labels"])
    expected = expected + 0.7 * sum(divergences) / (len(divergences) if reduction == "mean" else 1)

    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    parameters = list(model.parameters())
    for one, other in zip(
        torch.autograd.grad(found, parameters), torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-7)


def test_without_dropout_it_is_twice_vanilla(tiny_model, batch):
    model = tiny_model("bert").double().train()
    torch.testing.assert_close(RDrop(consistency_weight=5.0).loss(model, batch), 2 * model(**batch).loss)


def test_dropout_makes_the_passes_disagree(tiny_model, batch):
    model = tiny_model("bert", **DROPOUT).train()

    def loss(weight):
        torch.manual_seed(1)
        return RDrop(consistency_weight=weight).loss(model, batch)

    assert loss(1.0) > loss(0.0)


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_every_architecture_gets_finite_gradients(tiny_model, batch, architecture):
    model = tiny_model(architecture).train()
    loss = RDrop().loss(model, batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("values", [{"consistency_weight": -1}, {"reduction": "max"}])
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError):
        RDrop(**values)
