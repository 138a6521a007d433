import pytest
import torch
from tiny_architectures import tiny_configurations

from methods.dropout import dropout_probability


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_within_the_context_dropout_is_as_stated_and_as_before_afterwards(tiny_model, batch, architecture):
    model = tiny_model(architecture).train()

    def same_twice():
        return torch.equal(model(**batch).logits, model(**batch).logits)

    with dropout_probability(model, 0.3):
        assert not same_twice()
        with dropout_probability(model, 0.0):
            assert same_twice()
        assert not same_twice()
    assert same_twice()


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_all_dropout_of_a_model_can_be_switched_off(tiny_model, batch, architecture):
    configuration = vars(tiny_configurations()[architecture])
    probabilities = {name: 0.2 for name, value in configuration.items() if is_dropout(name, value)}
    model = tiny_model(architecture, **probabilities).train()
    assert not torch.equal(model(**batch).logits, model(**batch).logits)
    with dropout_probability(model, 0.0):
        assert torch.equal(model(**batch).logits, model(**batch).logits)


def is_dropout(name, value):
    return isinstance(value, float) and ("dropout" in name or name.endswith("_pdrop"))


def test_dropout_is_as_before_after_an_error(tiny_model):
    model = tiny_model("bert", hidden_dropout_prob=0.2)
    with pytest.raises(KeyError), dropout_probability(model, 0.5):
        raise KeyError
    assert model.bert.embeddings.dropout.p == 0.2
