"""RoAST's objective against a naive reference written from its formula."""

import naive
import pytest
import torch
from torch.nn import functional

from methods import methods
from methods.ascent import NonFiniteGradientError

Roast = methods["roast"]


def naive_loss(model, batch, epsilon, weight, objective, noise, start_of_ascent):
    embedding_output = naive.embedding_output(model, batch)
    clean = naive.forward(model, embedding_output, batch["attention_mask"])
    frozen = embedding_output.detach()
    delta = noise.clone().requires_grad_()
    probe = functional.cross_entropy(
        naive.forward(
            model,
            frozen + (delta if start_of_ascent == "noise" else 0 * noise + delta - noise),
            batch["attention_mask"],
        ),
        batch["labels"],
    )
    (gradient,) = torch.autograd.grad(probe, delta)
    direction = torch.zeros_like(gradient)
    for example in range(gradient.shape[0]):
        for token in range(gradient.shape[1]):
            g = gradient[example, token]
            direction[example, token] = g / (max(abs(value) for value in g.tolist()) + 1e-8)
    start = noise if start_of_ascent == "noise" else torch.zeros_like(noise)
    perturbed = naive.forward(model, (frozen + start + epsilon * direction).detach(), batch["attention_mask"])

    p, q = clean.softmax(-1), perturbed.softmax(-1)
    symmetric = naive.symmetric_kl(p, q).sum()
    loss = 0.5 * functional.cross_entropy(clean, batch["labels"]) + weight * symmetric
    if objective == "full":
        loss = loss + 0.5 * functional.cross_entropy(perturbed, batch["labels"])
    return loss


@pytest.mark.parametrize("objective", ["full", "released"])
@pytest.mark.parametrize("reuse", [False, True], ids=["literal", "reused clean forward"])
def test_loss_and_gradients_equal_the_naive_reference(tiny_model, batch, objective, reuse):
    model = tiny_model("bert").double()
    method = Roast(
        epsilon=0.3, consistency_weight=0.2, initial_noise=1e-2, objective=objective, reuse_clean_forward=reuse
    )

    torch.manual_seed(5)
    found = method.loss(model, batch)
    found_gradients = torch.autograd.grad(found, list(model.parameters()))

    torch.manual_seed(5)
    shape = (*batch["input_ids"].shape, model.config.hidden_size)
    noise = 1e-2 * torch.rand(shape, dtype=torch.float64)
    expected = naive_loss(model, batch, 0.3, 0.2, objective, noise, "zero" if reuse else "noise")
    expected_gradients = torch.autograd.grad(expected, list(model.parameters()))

    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    for one, other in zip(found_gradients, expected_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_embeddings_learn_from_the_clean_branch_alone(tiny_model, batch):
    """With only the perturbed branch weighted, the embeddings' gradient is that of ½·CE on the clean one."""
    model = tiny_model("bert").double()
    method = Roast(epsilon=0.5, consistency_weight=0.0)
    weight = model.bert.embeddings.word_embeddings.weight
    (found,) = torch.autograd.grad(method.loss(model, batch), weight)
    (expected,) = torch.autograd.grad(0.5 * model(**batch).loss, weight)
    torch.testing.assert_close(found, expected)


def test_without_perturbation_it_is_vanilla(tiny_model, batch):
    model = tiny_model("bert").double()
    method = Roast(epsilon=0.0, initial_noise=0.0)
    torch.testing.assert_close(method.loss(model, batch), model(**batch).loss)


def test_perturbation_raises_the_loss(tiny_model, batch):
    model = tiny_model("bert").double()
    clean = model(**batch).loss
    for epsilon in (0.01, 0.1):
        both = Roast(epsilon=epsilon, consistency_weight=0.0, reuse_clean_forward=True).loss(model, batch)
        assert both > clean


def test_gradient_that_is_not_finite_fails_loudly(tiny_model, batch):
    model = tiny_model("bert")
    with torch.no_grad():
        model.bert.encoder.layer[0].intermediate.dense.weight[0, 0] = float("nan")
    with pytest.raises(NonFiniteGradientError):
        Roast().loss(model, batch)


@pytest.mark.parametrize(
    "architecture", ["roberta", "distilbert", "albert", "electra", "deberta-v2", "xlnet", "gpt2", "modernbert"]
)
@pytest.mark.parametrize("reuse", [False, True])
def test_every_architecture_gets_a_finite_loss_above_the_clean_one(tiny_model, batch, architecture, reuse):
    model = tiny_model(architecture)
    clean = model(**batch).loss
    loss = Roast(epsilon=1e-2, reuse_clean_forward=reuse, consistency_weight=0.0).loss(model, batch)
    assert torch.isfinite(loss)
    assert loss > clean - 1e-6
    loss.backward()
