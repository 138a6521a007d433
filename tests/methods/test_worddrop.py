import naive
import pytest
import torch
from pydantic import ValidationError
from tiny_architectures import tiny_configurations
from torch.nn import functional

from methods import methods

WordDrop = methods["worddrop"]


def method_with_specials(*special, **values):
    method = WordDrop(**values)
    method.load_state_dict({"worddrop_special_tokens": list(special)})
    return method


class Masks:
    """Attention masks that a model was called with."""

    def __init__(self, model):
        self.seen = []
        model.register_forward_pre_hook(
            lambda _, __, keywords: self.seen.append(keywords["attention_mask"].clone()), with_kwargs=True
        )


@pytest.mark.parametrize("weight", [0.0, 0.6])
def test_loss_and_gradients_equal_the_naive_reference(tiny_model, batch, weight):
    model = tiny_model("bert").double()
    masks = Masks(model)
    torch.manual_seed(2)
    found = WordDrop(drop_probability=0.4, consistency_weight=weight).loss(model, batch)
    visible = masks.seen[0]
    assert (visible < batch["attention_mask"]).any()

    dropped, clean = (
        naive.forward(model, naive.embedding_output(model, batch), mask) for mask in (visible, batch["attention_mask"])
    )
    expected = functional.cross_entropy(dropped, batch["labels"])
    divergences = naive.symmetric_kl(clean.softmax(-1), dropped.softmax(-1))
    expected = expected + weight * sum(divergences) / len(divergences)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    parameters = list(model.parameters())
    for one, other in zip(
        torch.autograd.grad(found, parameters), torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-7)


def test_without_dropping_it_is_vanilla(tiny_model, batch):
    model = tiny_model("bert").double()
    torch.testing.assert_close(WordDrop(drop_probability=0.0).loss(model, batch), model(**batch).loss)


def test_the_drawn_share_of_words_is_hidden_and_never_a_special_token(tiny_model):
    model = tiny_model("bert")
    masks = Masks(model)
    length = 60
    generator = torch.Generator().manual_seed(0)
    texts = {
        "input_ids": torch.randint(2, 60, (32, length), generator=generator),
        "attention_mask": torch.ones(32, length, dtype=torch.long),
        "labels": torch.zeros(32, dtype=torch.long),
    }
    texts["attention_mask"][:, 50:] = 0
    method = method_with_specials(2, 3, drop_probability=0.25, consistency_weight=0.0)
    torch.manual_seed(0)
    for _ in range(10):
        method.loss(model, texts)
    special = (texts["input_ids"] == 2) | (texts["input_ids"] == 3)
    text = texts["attention_mask"] == 1
    for mask in masks.seen:
        assert (mask[special & text] == 1).all()
        assert (mask[~text] == 0).all()
    hidden = torch.stack([mask[text & ~special] == 0 for mask in masks.seen]).float()
    assert abs(float(hidden.mean()) - 0.25) < 0.01  # 15000 draws: standard deviation 0.0035
    assert not torch.equal(hidden[0], hidden[1])


def test_one_word_of_each_text_is_kept(tiny_model, batch):
    model = tiny_model("bert")
    masks = Masks(model)
    batch["input_ids"][:, 0] = 1
    method = method_with_specials(1, drop_probability=1.0)
    method.loss(model, batch)
    words = masks.seen[0][:, 1:]
    assert words.sum(dim=1).tolist() == [1, 1, 1, 1]
    assert masks.seen[0][:, 0].tolist() == [1, 1, 1, 1]


def test_special_tokens_come_from_the_run():
    class Run:
        def special_token_ids(self):
            return frozenset({7, 3})

    method = WordDrop()
    method.prepare(Run())
    assert method.state_dict() == {"worddrop_special_tokens": [3, 7]}


def test_a_step_without_consistency_costs_vanillas():
    assert WordDrop().step_units() == 6.0
    assert WordDrop(consistency_weight=0.0).step_units() == 3.0


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_every_architecture_gets_finite_gradients(tiny_model, batch, architecture):
    model = tiny_model(architecture)
    torch.manual_seed(0)
    loss = WordDrop(drop_probability=0.9).loss(model, batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    assert loss != WordDrop(drop_probability=0.0).loss(model, batch)


@pytest.mark.parametrize("values", [{"drop_probability": -0.1}, {"drop_probability": 1.1}, {"consistency_weight": -1}])
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError):
        WordDrop(**values)
