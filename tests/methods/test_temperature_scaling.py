"""The fitted temperature against a search over the negative log-likelihood."""

import math

import pytest
import torch
from plain_run import PlainRun
from test_trainer import SeparableTexts, arguments, assert_equal_weights, weights
from tiny_architectures import tiny_configurations
from transformers import set_seed

from methods import MethodTrainer, compose, methods
from methods.architecture import output_layer
from methods.temperature_scaling import HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE, fitted_temperature

TemperatureScaling = methods["temperature-scaling"]


def naive_likelihood(logits, labels, temperature):
    """Mean negative log-likelihood, one example after the other."""
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        scaled = [value / temperature for value in row]
        total += math.log(sum(math.exp(value) for value in scaled)) - scaled[label]
    return total / len(labels)


def naive_temperature(logits, labels):
    """Golden-section search."""
    low, high = math.log(0.1), math.log(10.0)
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(60):
        one, other = high - ratio * (high - low), low + ratio * (high - low)
        if naive_likelihood(logits, labels, math.exp(one)) < naive_likelihood(logits, labels, math.exp(other)):
            high = other
        else:
            low = one
    return math.exp((low + high) / 2)


def fitted(logits, labels):
    return fitted_temperature(logits, labels, lambda value: value)


@pytest.mark.parametrize("scale", [0.5, 1.5, 3.0])
@pytest.mark.parametrize("classes", [2, 3])
def test_temperature_equals_a_naive_search(scale, classes):
    generator = torch.Generator().manual_seed(classes)
    logits = torch.randn(200, classes, generator=generator, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
    found = fitted(scale * logits, labels)
    assert found == pytest.approx(naive_temperature(scale * logits, labels), abs=1e-6)
    assert found == pytest.approx(scale, rel=0.35)
    assert fitted(2 * scale * logits, labels) == pytest.approx(2 * found, abs=1e-6)


def test_search_ends_at_its_limits():
    logits = torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    assert fitted(logits, torch.tensor([0, 1])) == pytest.approx(LOWEST_TEMPERATURE)
    assert fitted(logits, torch.tensor([1, 0])) == pytest.approx(HIGHEST_TEMPERATURE)


def noisy(size):
    """Held-out texts with a quarter of the labels wrong."""
    texts = SeparableTexts(size)
    for row in texts.rows[::4]:
        row["labels"] = 1 - row["labels"]
    return texts


def run(tiny_model, folder, method, held_out, **changes):
    model = tiny_model("bert", hidden_dropout_prob=0.1)
    set_seed(3)
    trainer = MethodTrainer(
        model=model,
        args=arguments(folder, **{"num_train_epochs": 8, "learning_rate": 3e-3, **changes}),
        train_dataset=SeparableTexts(),
        eval_dataset=held_out,
        method=method,
    )
    trainer.train()
    return trainer


def test_logits_are_vanillas_divided_by_the_temperature(tiny_model, tmp_path):
    held_out = noisy(32)
    scaled = run(tiny_model, tmp_path, TemperatureScaling(), held_out)
    plain = run(tiny_model, tmp_path, methods["vanilla"](), held_out)
    before, after = weights(plain.model), weights(scaled.model)
    for name in before:
        assert torch.equal(before[name], after[name]) == (not name.startswith("classifier.")), name

    logits = torch.from_numpy(plain.predict(held_out).predictions).double()
    labels = torch.stack([row["labels"] for row in held_out.rows])
    temperature = scaled.method.report()["temperature"]
    assert temperature == pytest.approx(naive_temperature(logits, labels), abs=1e-6)
    assert temperature > 1.2
    found = torch.from_numpy(scaled.predict(held_out).predictions).double()
    torch.testing.assert_close(found, logits / temperature, rtol=0, atol=1e-5)
    assert torch.equal(found.argmax(-1), logits.argmax(-1))
    assert scaled.evaluate()["eval_loss"] < plain.evaluate()["eval_loss"]


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_every_architectures_last_layer_takes_the_temperature(tiny_model, batch, architecture):
    model = tiny_model(architecture).double().eval()
    with torch.no_grad():
        output_layer(model).weight.mul_(20.0)
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    before = model(**inputs).logits
    model.train()
    method = TemperatureScaling()
    method.prepare_model(model)
    method.finish(PlainRun(model, [batch]))
    assert model.training
    temperature = method.report()["temperature"]
    assert temperature == pytest.approx(
        naive_temperature(before, batch["labels"]), abs=1e-6
    ) or temperature == pytest.approx(HIGHEST_TEMPERATURE)
    torch.testing.assert_close(model.eval()(**inputs).logits, before / temperature, rtol=0, atol=1e-9)


def test_without_held_out_texts_it_refuses_before_training(tiny_model, tmp_path):
    trainer = MethodTrainer(
        model=tiny_model("bert"),
        args=arguments(tmp_path),
        train_dataset=SeparableTexts(),
        method=TemperatureScaling(),
    )
    before = weights(trainer.model)
    with pytest.raises(ValueError, match=r"^TemperatureScaling needs held-out examples: .*eval_dataset\.$"):
        trainer.train()
    assert trainer.state.global_step == 0
    assert_equal_weights(weights(trainer.model), before)


def test_it_scales_what_other_methods_leave(tiny_model, tmp_path):
    method = compose("temperature-scaling", "wise-ft", "ema")(ema_decay=0.5, probing_epochs=1)
    assert type(method).__mro__.index(TemperatureScaling) < type(method).__mro__.index(methods["wise-ft"])
    held_out = noisy(32)
    scaled = run(tiny_model, tmp_path, method, held_out)
    plain = run(tiny_model, tmp_path, compose("wise-ft", "ema")(ema_decay=0.5, probing_epochs=1), held_out)
    temperature = method.report()["temperature"]
    torch.testing.assert_close(
        scaled.model.classifier.weight * temperature, plain.model.classifier.weight, rtol=0, atol=1e-6
    )
