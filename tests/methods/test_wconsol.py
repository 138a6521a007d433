import math

import pytest
import torch
from plain_run import PlainRun, weights
from pydantic import ValidationError
from tiny_architectures import tiny_configurations
from transformers import TrainerCallback

from methods import Method, MethodTrainer, methods
from methods.conformance.tiny_training import SeparableTexts, arguments

Consolidation = methods["wconsol"]


class Snapshots(TrainerCallback):
    """Weights and gradients before each step, weights after it."""

    def __init__(self):
        self.before, self.gradients, self.rates = [], [], []

    def on_pre_optimizer_step(self, args, state, control, model=None, optimizer=None, **_):
        self.before.append(weights(model))
        self.gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
        self.rates.append(optimizer.param_groups[0]["lr"])


def trained_in_double(tiny_model, folder, method, **changes):
    model = tiny_model("bert").double()
    start, seen = weights(model), Snapshots()
    MethodTrainer(
        model=model,
        args=arguments(folder, **changes),
        train_dataset=SeparableTexts(),
        method=method,
        callbacks=[seen],
    ).train()
    return model, start, seen


@pytest.mark.parametrize("accumulation", [1, 2])
def test_training_equals_recadam_written_from_its_formulas(tiny_model, tmp_path, accumulation):
    gamma, k, t0, decay = 300.0, 0.7, 4.0, 0.1
    method = Consolidation(pull_strength=gamma, anneal_steepness=k, anneal_midpoint=t0)
    model, start, seen = trained_in_double(
        tiny_model,
        tmp_path,
        method,
        weight_decay=decay,
        warmup_ratio=0.2,
        gradient_accumulation_steps=accumulation,
        adam_beta1=0.9,
        adam_beta2=0.98,
        adam_epsilon=1e-6,
    )
    steps = len(seen.before)
    assert steps == 12 // accumulation

    naive = {name: value.clone() for name, value in start.items()}
    first = {name: torch.zeros_like(value) for name, value in start.items()}
    second = {name: torch.zeros_like(value) for name, value in start.items()}
    for t in range(1, steps + 1):
        rate, gradients = seen.rates[t - 1], seen.gradients[t - 1]
        weight = 1 / (1 + math.exp(-k * (t - t0)))
        for name, gradient in gradients.items():
            first[name] = 0.9 * first[name] + 0.1 * gradient
            second[name] = 0.98 * second[name] + 0.02 * gradient**2
            direction = (first[name] / (1 - 0.9**t)) / ((second[name] / (1 - 0.98**t)).sqrt() + 1e-6)
            decays = not name.endswith("bias") and "LayerNorm" not in name
            naive[name] = naive[name] - rate * (decay if decays else 0.0) * naive[name]
            if name.startswith("bert."):
                naive[name] = naive[name] - weight * rate * direction
                naive[name] = naive[name] - (1 - weight) * rate * gamma * (naive[name] - start[name])
            else:
                naive[name] = naive[name] - rate * direction
    found = weights(model)
    for name in start:
        torch.testing.assert_close(found[name], naive[name], rtol=0, atol=1e-10, msg=name)
    assert method.report()["task_weight"] == pytest.approx(1 / (1 + math.exp(-k * (steps - t0))))


def test_annealed_to_the_end_it_is_vanilla_to_the_bit(tiny_model, tmp_path):
    annealed = Consolidation(anneal_steepness=1000.0, anneal_midpoint=0.0)
    ours, _, _ = trained_in_double(tiny_model, tmp_path, annealed, weight_decay=0.1)
    plain, _, _ = trained_in_double(tiny_model, tmp_path, methods["vanilla"](), weight_decay=0.1)
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.equal(one, other)


def test_before_the_midpoint_pretrained_weights_stay_and_the_head_learns(tiny_model, tmp_path):
    method = Consolidation(pull_strength=100.0, anneal_steepness=1.0, anneal_midpoint=1000.0)
    model, start, _ = trained_in_double(tiny_model, tmp_path, method)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, start[name]) == name.startswith("bert."), name


def test_the_pull_shortens_the_distance_by_its_factor(tiny_model):
    """Where the optimizer takes no step: (1 − λ)·η·γ = ½·0.01·40 = 0.2."""
    model = tiny_model("bert").double()
    method = Consolidation(pull_strength=40.0, anneal_steepness=0.0)
    run = PlainRun(model, learning_rate=0.01)
    method.prepare(run)
    start = weights(model)
    for parameter in model.parameters():
        parameter.data += 1.0
        parameter.grad = torch.zeros_like(parameter)
    method.transform_gradients(model)
    method.end_step(run)
    for name, parameter in model.named_parameters():
        expected = 0.8 if name.startswith("bert.") else 1.0
        torch.testing.assert_close(parameter - start[name], torch.full_like(parameter, expected))


def test_a_parameter_without_gradient_is_left_alone(tiny_model):
    model = tiny_model("bert").double()
    method = Consolidation(pull_strength=40.0, anneal_steepness=0.0)
    run = PlainRun(model, learning_rate=0.01)
    method.prepare(run)
    for parameter in model.parameters():
        parameter.data += 1.0
    moved = weights(model)
    method.transform_gradients(model)
    method.end_step(run)
    assert all(torch.equal(parameter, moved[name]) for name, parameter in model.named_parameters())


@pytest.mark.parametrize(
    ("values", "rate", "largest"),
    [
        ({"pull_strength": 2000.0}, 1e-3, "2000"),
        ({"pull_strength": 5000.0}, 1e-3, "2000"),
        ({"pull_strength": 4000.0, "anneal_steepness": 0.0}, 1e-3, "4000"),  # λ stays ½, so half of the pull acts
    ],
)
def test_a_pull_that_diverges_is_refused_with_the_allowed_range(tiny_model, values, rate, largest):
    run = PlainRun(tiny_model("bert"), learning_rate=rate)
    with pytest.raises(ValueError, match=rf"^pull_strength=\d+ diverges .* at least 0 and less than {largest}\.$"):
        Consolidation(**values).prepare(run)


@pytest.mark.parametrize(("strength", "grows"), [(3990.0, False), (4010.0, True)])
def test_the_refused_range_begins_where_the_distance_grows(tiny_model, strength, grows):
    """λ stays ½ and the learning rate is 1e-3: the factor is 1 − ½·1e-3·γ."""
    model = tiny_model("bert").double()
    method = Consolidation(pull_strength=strength, anneal_steepness=0.0)
    run = PlainRun(model, learning_rate=1e-3)
    run.peak_learning_rate = 1e-4  # so that it is not refused here
    method.prepare(run)
    start = weights(model)
    name = "bert.pooler.dense.weight"
    parameter = dict(model.named_parameters())[name]
    parameter.data += 1.0
    for _ in range(10):
        parameter.grad = torch.zeros_like(parameter)
        method.transform_gradients(model)
        method.end_step(run)
    assert (float((parameter.detach() - start[name]).abs().max()) > 1.0) == grows


@pytest.mark.parametrize("interrupted_at", [4, 6])
def test_resumed_run_ends_with_the_same_weights_to_the_bit(tiny_model, tmp_path, interrupted_at):
    def finished(resume=None):
        model = tiny_model("bert")
        method = Consolidation(pull_strength=100.0, anneal_midpoint=6.0)
        MethodTrainer(
            model=model,
            args=arguments(tmp_path, save_strategy="steps", save_steps=interrupted_at, weight_decay=0.01),
            train_dataset=SeparableTexts(),
            method=method,
        ).train(resume_from_checkpoint=resume)
        return weights(model), method.report()

    whole, figures = finished()
    resumed, same_figures = finished(str(tmp_path / f"checkpoint-{interrupted_at}"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert figures == same_figures


def test_decoupled_weight_decay_is_that_of_adamw_alone(tiny_model, tmp_path):
    found = {}

    class Looking(Method):
        """Notes the decay."""

        def end_step(self, run):
            names = {parameter: name for name, parameter in run.model.named_parameters()}
            found[run._trainer.args.optim] = {names[p]: decay for p, decay in run.decoupled_weight_decay.items()}

    for optimizer in ("adamw_torch", "sgd"):
        trained_in_double(tiny_model, tmp_path, Looking(), weight_decay=0.1, max_steps=1, optim=optimizer)
    assert found["sgd"] == {}
    assert found["adamw_torch"]["bert.pooler.dense.weight"] == 0.1
    assert "bert.pooler.dense.bias" not in found["adamw_torch"]


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_weights_stay_finite_on_every_architecture(tiny_model, batch, architecture):
    model = tiny_model(architecture)
    method = Consolidation(pull_strength=100.0, anneal_midpoint=1.0)
    run = PlainRun(model, learning_rate=1e-2)
    method.prepare(run)
    start = weights(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        method.transform_gradients(model)
        optimizer.step()
        method.end_step(run)
    after = weights(model)
    assert all(bool(torch.isfinite(value).all()) for value in after.values())
    assert any(not torch.equal(start[name], after[name]) for name in start)


@pytest.mark.parametrize("name", ["pull_strength", "anneal_steepness", "anneal_midpoint"])
def test_values_out_of_range_are_refused(name):
    with pytest.raises(ValidationError, match=name):
        Consolidation(**{name: -0.1})
