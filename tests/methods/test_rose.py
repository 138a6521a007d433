import naive
import pytest
import torch
from plain_run import PlainRun, gradients, weights
from pydantic import ValidationError
from tiny_architectures import tiny_configurations

from methods import compose, methods

Rose = methods["rose"]

DROPOUT = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}


def naive_risks(model, batch):
    """Norm of the gradient of Σ SKL between two passes of a training model, for each weight of the blocks."""
    names = [name for name, _ in model.named_parameters() if ".encoder.layer." in name and not name.endswith("bias")]
    parameters = dict(model.named_parameters())
    inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    p, q = (model(**inputs).logits.softmax(-1) for _ in range(2))
    found = torch.autograd.grad(naive.symmetric_kl(p, q).sum(), [parameters[name] for name in names])
    return dict(zip(names, found, strict=True))


def halves(batch):
    return [{name: value[part] for name, value in batch.items()} for part in (slice(0, 2), slice(2, 4))]


@pytest.mark.parametrize(("lower", "upper"), [(0.0, 0.7), (0.25, 0.75)])
def test_the_tensors_of_highest_risk_and_no_others_lose_their_gradient(tiny_model, batch, lower, upper):
    model = tiny_model("bert", **DROPOUT).double().train()
    method = Rose(rose_upper_quantile=upper, rose_lower_quantile=lower)
    torch.manual_seed(5)
    method.backward(PlainRun(model), model, batch)
    before = gradients(model)
    method.transform_gradients(model)
    after = gradients(model)

    torch.manual_seed(5)
    risks = {name: float(gradient.square().sum().sqrt()) for name, gradient in naive_risks(model, batch).items()}
    ordered = sorted(risks.values())
    assert len(ordered) == 16  # eight weights in each of two layers

    def quantile(share):
        place = share * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (place - below) * (ordered[above] - ordered[below])

    still = {name for name, risk in risks.items() if not quantile(lower) <= risk <= quantile(upper)}
    assert 0 < len(still) < 16
    assert before.keys() - after.keys() == still
    assert all(torch.equal(after[name], before[name]) for name in after)


def test_loss_and_gradients_before_selection_are_vanillas(tiny_model, batch):
    model = tiny_model("bert").double().train()
    loss = Rose().backward(PlainRun(model), model, batch)
    found = gradients(model)
    model.zero_grad()
    plain = model(**batch).loss
    plain.backward()
    torch.testing.assert_close(loss, plain.detach())
    for name, expected in gradients(model).items():
        torch.testing.assert_close(found[name], expected, rtol=0, atol=1e-12)


def test_with_the_whole_range_nothing_is_taken_away(tiny_model, batch):
    model = tiny_model("bert").double().train()
    method = Rose(rose_upper_quantile=1.0)
    method.backward(PlainRun(model), model, batch)
    before = gradients(model)
    method.transform_gradients(model)
    after = gradients(model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_risky_tensors_stand_still_whatever_momentum_and_decay_want(tiny_model, batch):
    model = tiny_model("bert").train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    method, run = Rose(), PlainRun(model)
    ever_still = set()
    for step in range(4):
        run.step = step
        optimizer.zero_grad()
        method.backward(run, model, batch)
        method.transform_gradients(model)
        still = {name for name, parameter in model.named_parameters() if parameter.grad is None}
        before = weights(model)
        optimizer.step()
        for name, parameter in model.named_parameters():
            assert torch.equal(parameter, before[name]) == (name in still), name
        assert len(still) == 5  # above the 0.7 quantile of 16
        assert all(".encoder.layer." in name and name.endswith("weight") for name in still)
        ever_still.add(frozenset(still))
    assert len(ever_still) > 1  # chosen anew in every step


def test_risks_of_accumulated_mini_batches_add_up_and_skipped_steps_are_forgotten(tiny_model, batch):
    model = tiny_model("bert", **DROPOUT).double().train()
    run, parts = PlainRun(model), halves(batch)
    method = Rose()
    torch.manual_seed(1)
    run.step = 7
    method.backward(run, model, batch)  # of a step that mixed precision skipped
    run.step = 8
    state = torch.get_rng_state()
    expected = {}
    for part in parts:
        for name, gradient in naive_risks(model, part).items():
            expected[name] = expected.get(name, 0) + gradient
        model(**part)  # the training pass draws dropout too
    torch.set_rng_state(state)
    for part in parts:
        method.backward(run, model, part)
    for name, gradient in expected.items():
        torch.testing.assert_close(method._rose_risk_gradients[name], gradient, rtol=0, atol=1e-12)


def test_a_model_without_dropout_of_its_own_gets_risks_too(tiny_model, batch):
    """And has no dropout afterwards."""
    model = tiny_model("bert").double().train()
    method = Rose()
    method.backward(PlainRun(model), model, batch)
    assert all(float(gradient.abs().max()) > 0 for gradient in method._rose_risk_gradients.values())
    assert torch.equal(model(**batch).loss, model(**batch).loss)


def test_it_combines_with_a_method_that_makes_the_loss(tiny_model, batch):
    model = tiny_model("bert").train()
    both = compose("rose", "roast-adversarial")()
    assert torch.isfinite(both.backward(PlainRun(model), model, batch))
    before = gradients(model)
    both.transform_gradients(model)
    assert len(before) - len(gradients(model)) == 5


def test_frozen_blocks_are_refused(tiny_model):
    model = tiny_model("bert")
    model.bert.encoder.requires_grad_(False)
    with pytest.raises(ValueError, match=r"^BertForSequenceClassification: its transformer blocks are frozen"):
        Rose().prepare_model(model)


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_every_architecture_has_risks(tiny_model, batch, architecture):
    model = tiny_model(architecture).train()
    method = Rose(rose_upper_quantile=0.5)
    method.prepare_model(model)
    assert torch.isfinite(method.backward(PlainRun(model), model, batch))
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients(model).values())
    assert all(float(gradient.abs().max()) > 0 for gradient in method._rose_risk_gradients.values())
    before = gradients(model)
    method.transform_gradients(model)
    taken = before.keys() - gradients(model).keys()
    assert taken
    assert not any("bias" in name.rsplit(".", 1)[-1] for name in taken)


@pytest.mark.parametrize(
    "values",
    [
        {"rose_upper_quantile": 1.1},
        {"rose_lower_quantile": -0.1},
        {"rose_dropout": 0.0},
        {"rose_dropout": 1.0},
    ],
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        Rose(**values)
