import pytest
import torch
from plain_run import PlainRun, gradients, weights
from pydantic import ValidationError
from tiny_architectures import tiny_configurations

from methods import methods

StartingPoint = methods["l2-sp"]


def moved(model):
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)


@pytest.mark.parametrize("scope", ["weights", "all"])
def test_gradients_are_those_of_the_penalised_loss(tiny_model, batch, scope):
    model = tiny_model("bert").double()
    method = StartingPoint(l2_sp_alpha=0.3, l2_sp_beta=0.07, l2_sp_scope=scope)
    method.prepare_model(model)
    method.prepare(PlainRun(model))
    start = weights(model)
    moved(model)

    model(**batch).loss.backward()
    method.transform_gradients(model)
    found = gradients(model)

    model.zero_grad()
    objective = model(**batch).loss
    for name, parameter in model.named_parameters():
        is_bias_or_normalisation = name.endswith("bias") or "LayerNorm" in name
        if scope == "weights" and is_bias_or_normalisation:
            continue
        if name.startswith("classifier"):
            objective = objective + 0.07 / 2 * (parameter**2).sum()
        else:
            objective = objective + 0.3 / 2 * ((parameter - start[name]) ** 2).sum()
    objective.backward()
    for name, expected in gradients(model).items():
        torch.testing.assert_close(found[name], expected, rtol=0, atol=1e-10, msg=name)


def test_at_the_start_the_pretrained_weights_feel_nothing(tiny_model, batch):
    model = tiny_model("bert").double()
    method = StartingPoint()
    method.prepare(PlainRun(model))
    model(**batch).loss.backward()
    before = gradients(model)
    method.transform_gradients(model)
    for name, gradient in gradients(model).items():
        assert torch.equal(gradient, before[name]) == (name != "classifier.weight"), name


def test_without_strength_it_is_vanilla(tiny_model, batch):
    model = tiny_model("bert").double()
    method = StartingPoint(l2_sp_alpha=0.0, l2_sp_beta=0.0)
    method.prepare(PlainRun(model))
    moved(model)
    model(**batch).loss.backward()
    before = gradients(model)
    method.transform_gradients(model)
    assert all(torch.equal(gradient, before[name]) for name, gradient in gradients(model).items())


def test_the_penalty_alone_leads_back_to_the_start(tiny_model):
    model = tiny_model("bert").double()
    method = StartingPoint(l2_sp_alpha=0.5, l2_sp_beta=0.5, l2_sp_scope="all")
    method.prepare(PlainRun(model))
    start = weights(model)
    moved(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    for _ in range(40):
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        method.transform_gradients(model)
        optimizer.step()
    for name, parameter in model.named_parameters():
        expected = torch.zeros_like(parameter) if name.startswith("classifier") else start[name]
        torch.testing.assert_close(parameter.detach(), expected, rtol=0, atol=1e-10)


def test_frozen_weights_get_no_gradient(tiny_model, batch):
    model = tiny_model("bert")
    model.bert.embeddings.requires_grad_(False)
    method = StartingPoint(l2_sp_scope="all")
    method.prepare(PlainRun(model))
    model(**batch).loss.backward()
    method.transform_gradients(model)
    assert all(parameter.grad is None for parameter in model.bert.embeddings.parameters())


def test_a_model_without_head_is_refused(tiny_model):
    with pytest.raises(ValueError, match=r"^BertModel: its classification head cannot be located"):
        StartingPoint().prepare_model(tiny_model("bert").bert)


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_gradients_are_finite_on_every_architecture(tiny_model, batch, architecture):
    model = tiny_model(architecture)
    method = StartingPoint()
    method.prepare_model(model)
    method.prepare(PlainRun(model))
    moved(model)
    model(**batch).loss.backward()
    before = gradients(model)
    method.transform_gradients(model)
    after = gradients(model)
    assert all(bool(torch.isfinite(gradient).all()) for gradient in after.values())
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("values", [{"l2_sp_alpha": -0.1}, {"l2_sp_beta": -0.1}, {"l2_sp_scope": "biases"}])
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        StartingPoint(**values)
