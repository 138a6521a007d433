"""Sharpness-aware minimisation against a naive reference written from its formula."""

import pytest
import torch
from plain_run import PlainRun
from pydantic import ValidationError
from test_trainer import SeparableTexts, arguments
from tiny_architectures import tiny_configurations

from methods import Method, MethodTrainer, NonFiniteLossError, methods
from methods.ascent import NonFiniteGradientError

AdvWeight = methods["advweight"]


def naive_gradients(model, batch, rho):
    """∇L(θ + ρ·g/‖g‖), with the raised weights in a model of their own."""
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    weights = {name: dict(model.named_parameters())[name].detach().clone() for name in names}
    leaves = {name: value.clone().requires_grad_() for name, value in weights.items()}
    gradients = torch.autograd.grad(torch.func.functional_call(model, leaves, kwargs=batch).loss, list(leaves.values()))
    norm = sum(float((gradient**2).sum()) for gradient in gradients) ** 0.5
    raised = {
        name: (weights[name] + rho * gradient / norm).requires_grad_()
        for name, gradient in zip(names, gradients, strict=True)
    }
    raised_loss = torch.func.functional_call(model, raised, kwargs=batch).loss
    return raised_loss.detach(), dict(zip(names, torch.autograd.grad(raised_loss, list(raised.values())), strict=True))


@pytest.mark.parametrize("rho", [0.05, 0.5])
def test_loss_and_gradients_equal_the_naive_reference(tiny_model, batch, rho):
    model = tiny_model("bert").double()
    found = AdvWeight(sam_rho=rho).backward(PlainRun(model), model, batch)
    expected, gradients = naive_gradients(model, batch, rho)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    plain = torch.autograd.grad(model(**batch).loss, list(model.parameters()))
    assert any(not torch.allclose(p.grad, g, atol=1e-4) for p, g in zip(model.parameters(), plain, strict=True))
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=0, atol=1e-9)


def test_weights_are_put_back_to_the_bit(tiny_model, batch):
    model = tiny_model("bert")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    AdvWeight(sam_rho=0.7).backward(PlainRun(model), model, batch)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_weights_are_put_back_where_the_second_pass_fails(tiny_model, batch):
    class FailsAbove(Method):
        """Cross-entropy once."""

        def loss(self, model, batch):
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls == 2:
                raise RuntimeError("second pass")
            return super().loss(model, batch)

    class Both(AdvWeight, FailsAbove):
        """Both."""

    model = tiny_model("bert")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(RuntimeError, match="second pass"):
        Both().backward(PlainRun(model), model, batch)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_without_ascent_it_is_vanilla_and_both_passes_draw_the_same_dropout(tiny_model, batch):
    model = tiny_model("bert", hidden_dropout_prob=0.3).double().train()
    torch.manual_seed(4)
    found = AdvWeight(sam_rho=0.0).backward(PlainRun(model), model, batch)
    after = torch.get_rng_state()
    torch.manual_seed(4)
    expected = model(**batch).loss
    assert torch.equal(after, torch.get_rng_state())
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-14)
    for parameter, gradient in zip(
        model.parameters(), torch.autograd.grad(expected, list(model.parameters())), strict=True
    ):
        torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=1e-14)


def test_the_loss_climbs(tiny_model, batch):
    model = tiny_model("bert").double()
    losses = [float(AdvWeight(sam_rho=rho).backward(PlainRun(model), model, batch)) for rho in (0.0, 0.01, 0.1)]
    assert losses[0] < losses[1] < losses[2]


def test_it_climbs_the_loss_of_the_method_it_is_combined_with(tiny_model, batch):
    class Tripled(Method):
        """Cross-entropy times three: the same direction, thrice the gradient."""

        def loss(self, model, batch):
            return 3.0 * super().loss(model, batch)

    class Both(AdvWeight, Tripled):
        """Both."""

    gradients = []
    for method in (AdvWeight(), Both()):
        model = tiny_model("bert").double()
        method.backward(PlainRun(model), model, batch)
        gradients.append([parameter.grad for parameter in model.parameters()])
    for one, three in zip(*gradients, strict=True):
        torch.testing.assert_close(three, 3.0 * one, rtol=0, atol=1e-9)


def test_frozen_weights_stay_out_of_the_norm(tiny_model, batch):
    model = tiny_model("bert").double()
    model.bert.embeddings.requires_grad_(False)
    AdvWeight(sam_rho=0.5).backward(PlainRun(model), model, batch)
    _, gradients = naive_gradients(model, batch, 0.5)
    for name, parameter in model.named_parameters():
        if name in gradients:
            torch.testing.assert_close(parameter.grad, gradients[name], rtol=0, atol=1e-9)
        else:
            assert parameter.grad is None


def test_gradient_that_is_not_finite_fails_loudly_and_names_the_step(tiny_model, batch, tmp_path):
    model = tiny_model("bert")
    with torch.no_grad():
        model.bert.encoder.layer[0].intermediate.dense.weight.fill_(float("nan"))
    with pytest.raises(NonFiniteGradientError):
        AdvWeight().backward(PlainRun(model), model, batch)
    trainer = MethodTrainer(model=model, args=arguments(tmp_path), train_dataset=SeparableTexts(), method=AdvWeight())
    with pytest.raises(NonFiniteLossError, match="step 1: the gradient with respect to the weights"):
        trainer.train()


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_every_architecture_gets_finite_gradients(tiny_model, batch, architecture):
    model = tiny_model(architecture)
    clean = model(**batch).loss
    loss = AdvWeight().backward(PlainRun(model), model, batch)
    assert torch.isfinite(loss)
    assert loss > clean
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("values", [{"sam_rho": -0.1}, {"sam_rho": float("inf")}])
def test_out_of_range_is_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        AdvWeight(**values)


def test_it_costs_twice_the_method_it_is_combined_with():
    class Both(AdvWeight, methods["roast-adversarial"]):
        """Both."""

    assert AdvWeight().step_units() == 6.0
    assert Both().step_units() == 16.0
