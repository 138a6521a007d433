"""InfoBERT against a naive reference written from its formulas."""

import math
from contextlib import nullcontext
from types import SimpleNamespace

import naive
import pytest
import torch
from pydantic import ValidationError
from tiny_architectures import tiny_configurations
from torch.nn import functional
from transformers import TrainingArguments

from methods import MethodTrainer, methods
from methods.ascent import NonFiniteGradientError

InfoBert = methods["infobert"]
RUN = SimpleNamespace(autocast=nullcontext, backward=lambda loss: loss.backward())


def prepared(model, **parameters):
    method = InfoBert(**parameters)
    method.prepare_model(model)
    return method


def gradients(model):
    found = {
        name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
        for name, parameter in model.named_parameters()
    }
    model.zero_grad()
    return found


def naive_final_states(model, embedding_output, attention_mask):
    hidden = embedding_output
    visible = (1.0 - attention_mask[:, None, None, :].to(hidden.dtype)) * torch.finfo(hidden.dtype).min
    for layer in model.bert.encoder.layer:
        hidden = layer(hidden, visible)[0]
    return hidden


def naive_critic(critic, token, sentence):
    hidden = (critic["pair"].weight @ torch.cat([token, sentence]) + critic["pair"].bias).clamp(min=0)
    return torch.log(1 + (critic["score"].weight @ hidden + critic["score"].bias).exp())[0]


def naive_anchored(gradient, length, lower, upper):
    norms = sorted((float(gradient[token].norm()), token) for token in range(length))
    return [token for _, token in norms[math.ceil(length * lower) : math.ceil(length * upper)]]


def naive_step(model, batch, steps, size, magnitude, limit, beta, alpha, lower, upper):
    """The literal recipe: at every step one backward pass of the first two terms, then another of the third."""
    mask = batch["attention_mask"]
    lengths = mask.sum(1).tolist()
    width = model.config.hidden_size
    delta = 2 * torch.rand((*mask.shape, width), dtype=torch.float64) - 1
    for text, length in enumerate(lengths):
        delta[text] *= magnitude / math.sqrt(length * width)
        delta[text, length:] = 0
    critic = model.auxiliary_networks.infobert_critic
    total = 0.0
    for _ in range(steps):
        delta = delta.detach().requires_grad_()
        embeddings = naive.embedding_output(model, batch) + delta
        final = naive_final_states(model, embeddings, mask)
        logits = model.classifier(torch.tanh(model.bert.pooler.dense(final[:, 0])))
        tokens = [embeddings[text, token] for text, length in enumerate(lengths) for token in range(length)]
        others = torch.randint(len(tokens), (len(tokens),)).tolist()
        bottleneck = sum(((a - tokens[b]) ** 2).sum() / 2 for a, b in zip(tokens, others, strict=True)) / len(tokens)
        first = functional.cross_entropy(logits, batch["labels"]) + beta * bottleneck
        (first / steps).backward(retain_graph=True)
        gradient = delta.grad.clone()

        pairs = [
            (embeddings[text, token], final[text, 0])
            for text, length in enumerate(lengths)
            for token in sorted(naive_anchored(gradient[text], length, lower, upper))
        ]
        pairs = [pairs[index] for index in torch.randperm(len(pairs)).tolist()]
        bounds = []
        for start in range(0, len(pairs), len(lengths)):
            group = pairs[start : start + len(lengths)]
            scores = [[naive_critic(critic, token, z) for token, _ in group] for _, z in group]
            joint = sum(scores[i][i] for i in range(len(group))) / len(group)
            apart = sum(torch.log(sum(s.exp() for s in row)) for row in scores) / len(group)
            bounds.append(joint - (apart - math.log(len(group))))
        second = -alpha * sum(bounds) / len(bounds)
        (second / steps).backward()
        total += float((first + second).detach()) / steps

        moved = []
        for text in range(len(lengths)):
            row = delta[text].detach() + size * gradient[text] / gradient[text].norm()
            norm = float(row.norm())
            moved.append(row * limit / norm if limit is not None and norm > limit else row)
        delta = torch.stack(moved)
    return total


@pytest.mark.parametrize("limit", [None, 0.45])
def test_loss_and_gradients_equal_the_literal_recipe(tiny_model, batch, limit):
    model = tiny_model("bert").double()
    method = prepared(
        model,
        ascent_steps=3,
        step_size=0.3,
        initial_magnitude=0.5,
        maximum_norm=limit,
        bottleneck_weight=0.2,
        anchored_feature_weight=0.7,
        lower_quantile=0.3,
        upper_quantile=0.9,
    )
    torch.manual_seed(5)
    found = method.backward(RUN, model, batch)
    found_gradients = gradients(model)
    torch.manual_seed(5)
    expected = naive_step(model, batch, 3, 0.3, 0.5, limit, 0.2, 0.7, 0.3, 0.9)
    expected_gradients = gradients(model)

    assert float(found) == pytest.approx(expected, abs=1e-7)
    for name, one in found_gradients.items():
        torch.testing.assert_close(one, expected_gradients[name], rtol=0, atol=1e-7, msg=name)


def test_without_ascent_and_regularisers_it_is_vanilla(tiny_model, batch):
    model = tiny_model("bert").double()
    method = prepared(model, step_size=0.0, initial_magnitude=0.0, bottleneck_weight=0.0, anchored_feature_weight=0.0)
    loss = method.backward(RUN, model, batch)
    found = gradients(model)
    expected_loss = model(**batch).loss
    expected_loss.backward()
    torch.testing.assert_close(loss, expected_loss.detach())
    expected = gradients(model)
    for name, one in found.items():
        torch.testing.assert_close(one, expected[name])


def test_all_steps_share_one_dropout_mask(tiny_model, batch):
    model = tiny_model("bert", hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3).double().train()
    found = []
    for steps in (1, 3):
        method = prepared(
            model,
            ascent_steps=steps,
            step_size=0.0,
            initial_magnitude=0.0,
            bottleneck_weight=0.0,
            anchored_feature_weight=0.0,
        )
        torch.manual_seed(2)
        method.backward(RUN, model, batch)
        found.append(gradients(model)["classifier.weight"])
    torch.testing.assert_close(found[0], found[1])


def test_gradients_are_added(tiny_model, batch):
    model = tiny_model("bert").double()
    method = prepared(model)
    torch.manual_seed(2)
    method.backward(RUN, model, batch)
    once = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    torch.manual_seed(2)
    method.backward(RUN, model, batch)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, 2 * once[name])


def test_anchored_tokens_lie_between_the_quantiles_and_are_never_padding():
    method = InfoBert(lower_quantile=0.5, upper_quantile=0.9)
    mask = torch.tensor([[1] * 10, [0] * 6 + [1] * 4, [1] + [0] * 9])  # padded on either side
    gradient = torch.arange(10.0, 0.0, -1.0)[None, :, None].expand(3, 10, 2) * mask[:, :, None]
    anchored = method._anchored(gradient, mask.bool())
    # norms fall with the position, so ranks are counted from the last token
    assert anchored[0].nonzero().flatten().tolist() == [1, 2, 3, 4]  # ranks 5 to 8 of 10
    assert anchored[1].nonzero().flatten().tolist() == [6, 7]  # ranks 2 and 3 of 4
    assert not anchored[2].any()


def test_texts_without_anchored_tokens_are_fine(tiny_model, batch):
    model = tiny_model("bert")
    method = prepared(model, lower_quantile=0.5, upper_quantile=0.5)
    assert torch.isfinite(method.backward(RUN, model, batch))


def test_bottleneck_brings_tokens_together_and_the_critic_learns(tiny_model, batch):
    model = tiny_model("bert")
    spread = []
    for weight in (0.0, 1.0):
        model = tiny_model("bert")
        method = prepared(model, bottleneck_weight=weight)
        critic = model.auxiliary_networks.infobert_critic["pair"].weight.clone()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        for _ in range(20):
            optimizer.zero_grad()
            method.backward(RUN, model, batch)
            optimizer.step()
        assert not torch.equal(critic, model.auxiliary_networks.infobert_critic["pair"].weight)
        states = model.bert.embeddings(input_ids=batch["input_ids"])[batch["attention_mask"].bool()]
        spread.append(float(states.detach().var(dim=0).sum()))
    assert spread[1] < 0.8 * spread[0]


def test_gradient_that_is_not_finite_fails_loudly(tiny_model, batch):
    model = tiny_model("bert")
    method = prepared(model)
    with torch.no_grad():
        model.bert.encoder.layer[0].intermediate.dense.weight[0, 0] = float("nan")
    with pytest.raises(NonFiniteGradientError):
        method.backward(RUN, model, batch)


def test_the_saved_model_is_a_plain_one(tiny_model, batch, tmp_path):
    model = tiny_model("bert")
    names = set(model.state_dict())
    rows = [{name: value[row] for name, value in batch.items()} for row in range(4)]
    arguments = TrainingArguments(
        str(tmp_path), num_train_epochs=1, save_strategy="epoch", report_to="none", use_cpu=True, disable_tqdm=True
    )
    trainer = MethodTrainer(model=model, args=arguments, train_dataset=rows, method=InfoBert())
    critic = model.auxiliary_networks.infobert_critic["pair"]
    before = critic.weight.clone()
    trainer.train()
    assert not torch.equal(before, critic.weight)
    trainer.save_model(str(tmp_path / "saved"))
    found, loading = type(model).from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert set(found.state_dict()) == names
    assert not loading["unexpected_keys"]
    assert not loading["missing_keys"]


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_every_architecture_gets_finite_loss_and_gradients(tiny_model, batch, architecture):
    model = tiny_model(architecture)
    method = prepared(model)
    assert torch.isfinite(method.backward(RUN, model, batch))
    found = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert model.auxiliary_networks.infobert_critic["pair"].weight.grad.abs().sum() > 0
    assert all(torch.isfinite(gradient).all() for gradient in found)


@pytest.mark.parametrize(
    "values",
    [
        {"ascent_steps": 0},
        {"step_size": -0.1},
        {"initial_magnitude": -1},
        {"maximum_norm": 0},
        {"bottleneck_weight": -1},
        {"anchored_feature_weight": -1},
        {"lower_quantile": -0.1},
        {"upper_quantile": 1.1},
    ],
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        InfoBert(**values)
