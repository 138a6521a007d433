import math

import pytest
import torch
from pydantic import ValidationError
from tiny_architectures import tiny_configurations

from methods import methods

LabelSmoothing = methods["label-smoothing"]


@pytest.mark.parametrize("classes", [2, 5])
def test_loss_and_gradients_equal_the_naive_reference(tiny_model, batch, classes):
    model = tiny_model("bert", num_labels=classes).double()
    found = LabelSmoothing(smoothing=0.3).loss(model, batch)
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    expected = 0.0
    for row, label in zip(logits, batch["labels"].tolist(), strict=True):
        for c in range(classes):
            target = 0.3 / classes + (0.7 if c == label else 0.0)
            expected = expected - target * (row[c] - torch.log(sum(torch.exp(value) for value in row))) / len(logits)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    parameters = list(model.parameters())
    for one, other in zip(
        torch.autograd.grad(found, parameters), torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-8)


def test_without_smoothing_it_is_vanilla(tiny_model, batch):
    model = tiny_model("bert").double()
    torch.testing.assert_close(LabelSmoothing(smoothing=0.0).loss(model, batch), model(**batch).loss)


def test_entirely_smoothed_the_best_prediction_is_uniform(tiny_model, batch):
    model = tiny_model("bert").double()
    for parameter in model.classifier.parameters():
        torch.nn.init.zeros_(parameter)
    loss = LabelSmoothing(smoothing=1.0).loss(model, batch)
    torch.testing.assert_close(loss.item(), math.log(2), rtol=0, atol=1e-9)
    (gradient,) = torch.autograd.grad(loss, model.classifier.bias)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-12)


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_every_architecture_gets_finite_gradients(tiny_model, batch, architecture):
    model = tiny_model(architecture)
    loss = LabelSmoothing().loss(model, batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_values_out_of_range_are_refused(value):
    with pytest.raises(ValidationError):
        LabelSmoothing(smoothing=value)
