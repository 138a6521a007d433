"""RIFT against a naive reference written from its formula."""

import copy
from types import SimpleNamespace

import naive
import pytest
import torch
from pydantic import ValidationError
from tiny_architectures import tiny_configurations
from torch.nn import functional
from transformers import TrainingArguments

from methods import MethodTrainer, methods

Rift = methods["rift"]


def prepared(model, **parameters):
    """The method, as it is before the first step, and the pre-trained model apart."""
    method = Rift(**parameters)
    pretrained = copy.deepcopy(model)
    method.prepare_model(model)
    method.prepare(SimpleNamespace(model=model))
    return method, pretrained


def moved(model):
    """Some steps of fine-tuning later."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)


def final_state(model, embedding_output, attention_mask):
    hidden = embedding_output
    visible = (1.0 - attention_mask[:, None, None, :].to(hidden.dtype)) * torch.finfo(hidden.dtype).min
    for layer in model.bert.encoder.layer:
        hidden = layer(hidden, visible)[0]
    return hidden[:, 0]


def projected(layers, feature):
    hidden = (layers[0].weight @ feature + layers[0].bias).clamp(min=0)
    return layers[2].weight @ hidden + layers[2].bias


def naive_loss(model, pretrained, batch, epsilon, beta, alpha, temperature, objective):
    mask, labels = batch["attention_mask"], batch["labels"].tolist()
    embeddings = naive.embedding_output(model, batch)
    clean = naive.forward(model, embeddings, mask)
    point = embeddings.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(
        functional.cross_entropy(naive.forward(model, point, mask), batch["labels"]), point
    )
    delta = torch.zeros_like(gradient)
    for text in range(gradient.shape[0]):
        for token in range(gradient.shape[1]):
            g = gradient[text, token]
            delta[text, token] = epsilon * g / (max(abs(value) for value in g.tolist()) + 1e-8)
    perturbed = embeddings + delta
    adversarial = naive.forward(model, perturbed, mask)

    features = final_state(model, perturbed, mask)
    pretrained_features = final_state(pretrained, naive.embedding_output(pretrained, batch), mask).detach()
    contrast = 0.0
    for i, label in enumerate(labels):
        networks = model.auxiliary_networks.rift_projections[label]
        t = projected(networks["pretrained"], pretrained_features[i])
        scores = []
        for j, other in enumerate(labels):
            if other == label:
                s = projected(networks["fine_tuned"], features[j])
                scores.append(((s @ t) / (s.norm() * t.norm()) / temperature, j))
        positive = next(score for score, j in scores if j == i)
        contrast = contrast - torch.log(positive.exp() / sum(score.exp() for score, _ in scores)) / len(labels)

    if objective == "released":
        task = functional.cross_entropy(clean, batch["labels"])
        task = task + beta * naive.kl(clean.softmax(-1), adversarial.softmax(-1)).mean()
    else:
        task = functional.cross_entropy(adversarial, batch["labels"])
    return task + alpha * contrast


@pytest.mark.parametrize("objective", ["released", "adversarial"])
def test_loss_and_gradients_equal_the_naive_reference(tiny_model, batch, objective):
    model = tiny_model("bert").double()
    method, pretrained = prepared(
        model,
        epsilon=0.3,
        consistency_weight=4.0,
        contrast_weight=0.6,
        contrast_temperature=0.3,
        objective=objective,
    )
    moved(model)
    batch["labels"] = torch.tensor([1, 1, 0, 1])
    parameters = list(model.parameters())

    found = method.loss(model, batch)
    found_gradients = torch.autograd.grad(found, parameters, allow_unused=True)
    expected = naive_loss(model, pretrained, batch, 0.3, 4.0, 0.6, 0.3, objective)
    expected_gradients = torch.autograd.grad(expected, parameters, allow_unused=True)

    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    for parameter, one, other in zip(parameters, found_gradients, expected_gradients, strict=True):
        zero = torch.zeros_like(parameter)
        torch.testing.assert_close(zero if one is None else one, zero if other is None else other, rtol=0, atol=1e-8)


def test_without_its_two_terms_it_is_vanilla(tiny_model, batch):
    model = tiny_model("bert").double()
    method, _ = prepared(model, consistency_weight=0.0, contrast_weight=0.0)
    shared = [parameter for name, parameter in model.named_parameters() if "auxiliary" not in name]
    found, expected = method.loss(model, batch), model(**batch).loss
    torch.testing.assert_close(found, expected)
    for one, other in zip(torch.autograd.grad(found, shared), torch.autograd.grad(expected, shared), strict=True):
        torch.testing.assert_close(one, other)


def test_texts_alone_in_their_class_have_nothing_to_be_told_from(tiny_model, batch):
    model = tiny_model("bert", num_labels=4).double()
    batch["labels"] = torch.tensor([0, 1, 2, 3])
    with_contrast, _ = prepared(model, contrast_weight=100.0)
    without, _ = prepared(model, contrast_weight=0.0)
    torch.testing.assert_close(with_contrast.loss(model, batch), without.loss(model, batch))


def test_contrast_tells_each_text_by_its_pretrained_features(tiny_model, batch):
    """Chance is ln 2 nats with two texts in each class."""
    model = tiny_model("bert")
    method, _ = prepared(model, consistency_weight=0.0, contrast_weight=1.0)
    without = Rift(consistency_weight=0.0, contrast_weight=0.0)
    without.load_state_dict(method.state_dict())
    moved(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    contrasts = []
    for _ in range(100):
        loss = method.loss(model, batch)
        optimizer.zero_grad()
        loss.backward()
        contrasts.append(float(loss.detach() - without.loss(model, batch).detach()))
        optimizer.step()
    assert contrasts[0] > 0.5
    assert contrasts[-1] < 0.05


def test_the_pretrained_model_has_no_dropout_and_stays_as_it_was(tiny_model, batch):
    model = tiny_model("bert", hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5)
    method, pretrained = prepared(model)
    pretrained.eval()
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    expected = pretrained.bert(**inputs).last_hidden_state
    moved(model)
    model.train()
    model.bert.embeddings.eval()
    states = method._pretrained_states(model, inputs)
    torch.testing.assert_close(states, expected.detach())
    assert not states.requires_grad
    assert model.bert.encoder.training
    assert not model.bert.embeddings.training


def test_the_saved_model_is_a_plain_one(tiny_model, batch, tmp_path):
    model = tiny_model("bert")
    names = set(model.state_dict())
    rows = [{name: value[row] for name, value in batch.items()} for row in range(4)]
    arguments = TrainingArguments(
        str(tmp_path), num_train_epochs=1, save_strategy="epoch", report_to="none", use_cpu=True, disable_tqdm=True
    )
    trainer = MethodTrainer(model=model, args=arguments, train_dataset=rows, method=Rift())
    before = model.auxiliary_networks.rift_projections[0]["pretrained"][0].weight.clone()
    projections = model.auxiliary_networks.rift_projections
    trainer.train()
    assert not torch.equal(before, projections[0]["pretrained"][0].weight)
    trainer.save_model(str(tmp_path / "saved"))
    found, loading = type(model).from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert set(found.state_dict()) == names
    assert not loading["unexpected_keys"]
    assert not loading["missing_keys"]


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
@pytest.mark.parametrize("objective", ["released", "adversarial"])
def test_every_architecture_gets_finite_loss_and_gradients(tiny_model, batch, architecture, objective):
    model = tiny_model(architecture)
    method, _ = prepared(model, objective=objective)
    loss = method.loss(model, batch)
    loss.backward()
    assert torch.isfinite(loss)
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize(
    "values",
    [
        {"epsilon": -0.1},
        {"consistency_weight": -1},
        {"contrast_weight": -1},
        {"contrast_temperature": 0},
        {"objective": "both"},
    ],
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        Rift(**values)
