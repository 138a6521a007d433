import pytest
import torch
from plain_run import PlainRun, gradients, weights
from pydantic import ValidationError
from tiny_architectures import tiny_configurations
from torch.func import functional_call

from methods import Method, compose, methods

Mixout = methods["mixout"]

DROPOUT = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}


def moved(model):
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)


def prepared(model, **values):
    """Mixout prepared on a model that has moved on since, and the weights it started from."""
    method, run = Mixout(**values), PlainRun(model)
    method.prepare_model(model)
    method.prepare(run)
    start = weights(model)
    moved(model)
    return method, run, start


class Watching(Method):
    """Vanilla that notes the weights its loss saw."""

    def backward(self, run, model, batch):
        self.seen = weights(model)
        return super().backward(run, model, batch)


class WatchedMixout(Mixout, Watching):
    """Mixout around it."""


def mixed_names(model):
    return {f"{name}.weight" for name, module in model.bert.named_modules() if isinstance(module, torch.nn.Linear)}


@pytest.mark.parametrize("unit", ["neuron", "weight"])
@pytest.mark.parametrize("gradient", ["exact", "released"])
def test_loss_and_gradients_equal_those_of_the_mixture_written_out(tiny_model, batch, unit, gradient):
    model = tiny_model("bert").double()
    p = 0.4
    method, run, start = prepared(model, mixout_probability=p, mixout_unit=unit, mixout_gradient=gradient)
    present = weights(model)
    watched = WatchedMixout(mixout_probability=p, mixout_unit=unit, mixout_gradient=gradient)
    watched.load_state_dict(method.state_dict())
    watched.backward(run, model, batch)
    model.zero_grad()
    found_loss = method.backward(run, model, batch)
    found = gradients(model)
    model.zero_grad()

    mixed = {f"bert.{name}" for name in mixed_names(model)}
    leaves = {name: value.clone().requires_grad_() for name, value in present.items()}
    used, factors = {}, {}
    for name, w in leaves.items():
        used[name] = w
        if name in mixed:
            u = start[name]
            m = ((watched.seen[name] - u) / (present[name] - u) * (1 - p)).round()
            factors[name] = m
            used[name] = (m * w + (1 - m) * u - p * u) / (1 - p)
            if unit == "neuron":
                assert torch.equal(m, m[:1].expand_as(m))
    assert len(factors) == 13
    expected_loss = functional_call(model, used, kwargs=batch).loss
    expected_loss.backward()
    torch.testing.assert_close(found_loss, expected_loss.detach(), rtol=0, atol=1e-10)
    for name, leaf in leaves.items():
        expected = leaf.grad * (1 - p) if gradient == "released" and name in mixed else leaf.grad
        torch.testing.assert_close(found[name], expected, rtol=0, atol=1e-10, msg=name)


def test_the_mixture_is_unbiased_and_replaces_the_stated_share(tiny_model, batch):
    model = tiny_model("bert").double()
    p, draws = 0.5, 600
    method, run, start = prepared(model)
    watched = WatchedMixout(mixout_probability=p)
    watched.load_state_dict(method.state_dict())
    present = weights(model)
    name = "bert.encoder.layer.0.intermediate.dense.weight"
    total, replaced = torch.zeros_like(start[name]), 0.0
    for _ in range(draws):
        watched.backward(run, model, batch)
        total += watched.seen[name]
        replaced += float(torch.isclose(watched.seen[name], start[name], rtol=0, atol=1e-12).double().mean())
    deviation = (total / draws - present[name]) / (present[name] - start[name])
    assert float(deviation.abs().max()) < 5 / draws**0.5  # one draw deviates by |w − u|
    assert abs(replaced / draws - p) < 0.03  # sixteen neurons in each draw


def test_weights_are_the_same_afterwards_to_the_bit(tiny_model, batch):
    model = tiny_model("bert", **DROPOUT)
    method, run, _ = prepared(model)
    before = weights(model)
    method.backward(run, model, batch)
    assert all(torch.equal(before[name], value) for name, value in weights(model).items())
    assert not any(parameter._backward_hooks for parameter in model.parameters())
    assert {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)} == {0.1}


def test_weights_are_put_back_when_the_loss_fails(tiny_model, batch):
    class Failing(Method):
        """Fails."""

        def loss(self, model, batch):
            raise RuntimeError("no loss")

    class Both(Mixout, Failing):
        """Both."""

    model = tiny_model("bert")
    method, run, _ = prepared(model)
    failing = Both()
    failing.load_state_dict(method.state_dict())
    before = weights(model)
    with pytest.raises(RuntimeError, match="no loss"):
        failing.backward(run, model, batch)
    assert all(torch.equal(before[name], value) for name, value in weights(model).items())
    assert not any(parameter._backward_hooks for parameter in model.parameters())


def test_gradients_of_two_mini_batches_add_up(tiny_model, batch):
    model = tiny_model("bert").double()
    method, run, _ = prepared(model)
    state = method.state_dict()
    one_by_one = []
    for draws in (0, 1):
        model.zero_grad()
        method.load_state_dict({"mixout": {**state["mixout"], "mixtures_drawn": draws}})
        method.backward(run, model, batch)
        one_by_one.append(gradients(model))
    model.zero_grad()
    method.load_state_dict(state)
    method.backward(run, model, batch)
    method.backward(run, model, batch)
    name = "bert.encoder.layer.0.intermediate.dense.weight"
    assert not torch.equal(one_by_one[0][name], one_by_one[1][name])
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(gradient, one_by_one[0][name] + one_by_one[1][name], rtol=0, atol=1e-12)


def test_with_probability_zero_it_is_vanilla(tiny_model, batch):
    model = tiny_model("bert").double()
    method, run, _ = prepared(model, mixout_probability=0.0)
    loss = method.backward(run, model, batch)
    found = gradients(model)
    model.zero_grad()
    plain = model(**batch).loss
    plain.backward()
    torch.testing.assert_close(loss, plain.detach(), rtol=0, atol=1e-12)
    for name, expected in gradients(model).items():
        torch.testing.assert_close(found[name], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("replaces", [True, False])
def test_dropout_of_the_base_model_is_off_where_it_is_replaced(tiny_model, batch, replaces):
    model = tiny_model("bert", **DROPOUT, classifier_dropout=0.0)
    model.train()
    method, run, _ = prepared(model, mixout_probability=0.0, mixout_replaces_dropout=replaces)
    assert (method.backward(run, model, batch) == method.backward(run, model, batch)) == replaces


def test_it_combines_with_a_method_that_makes_the_loss_or_masks_gradients(tiny_model, batch):
    model = tiny_model("bert").double()
    for name in ("roast-adversarial", "childtuning-f", "roast"):
        both = compose("mixout", name)()
        run = PlainRun(model, [batch])
        run.finished_epochs = 0
        both.prepare(run)
        model.zero_grad()
        assert torch.isfinite(both.backward(run, model, batch))
        both.transform_gradients(model)
        assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients(model).values())


def test_a_frozen_base_model_is_refused(tiny_model):
    model = tiny_model("bert")
    model.bert.requires_grad_(False)
    with pytest.raises(ValueError, match=r"^BertForSequenceClassification: its base model has no trainable linear"):
        Mixout().prepare_model(model)


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_every_architecture_is_mixed(tiny_model, batch, architecture):
    model = tiny_model(architecture)
    method, run, start = prepared(model, mixout_probability=0.5)
    watched = WatchedMixout(mixout_probability=0.5)
    watched.load_state_dict(method.state_dict())
    present = weights(model)
    assert torch.isfinite(watched.backward(run, model, batch))
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients(model).values())
    target = method.state_dict()["mixout"]["target"]
    assert len(target) >= 4
    for name in target:
        unit = watched.seen[name]
        at_start = torch.isclose(unit, start[name], rtol=0, atol=1e-6)
        input_axis = 0 if architecture == "gpt2" else 1
        lines = at_start.double().mean(dim=1 - input_axis)
        assert set(lines.round(decimals=1).tolist()) <= {0.0, 1.0}, name
        assert not torch.equal(unit, present[name]), name


@pytest.mark.parametrize(
    "values",
    [{"mixout_probability": 1.0}, {"mixout_probability": -0.1}, {"mixout_unit": "layer"}, {"mixout_gradient": "no"}],
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        Mixout(**values)
