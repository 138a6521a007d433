"""Training of the bias terms alone."""

import pytest
import torch
from plain_run import PlainRun
from test_trainer import SeparableTexts, arguments, trained, weights
from tiny_architectures import tiny_configurations
from transformers import set_seed

from methods import MethodTrainer, methods
from methods.architecture import head_parameters

BitFit = methods["bitfit"]
WITH_BIASES = sorted(tiny_configurations().keys() - {"modernbert"})


def test_gradients_of_biases_and_head_are_vanillas_and_others_have_none(tiny_model, batch):
    model = tiny_model("bert").double()
    names = [name for name, _ in model.named_parameters()]
    plain = dict(zip(names, torch.autograd.grad(model(**batch).loss, list(model.parameters())), strict=True))
    method = BitFit()
    method.prepare_model(model)
    method.backward(PlainRun(model), model, batch)
    for name, parameter in model.named_parameters():
        if name.split(".")[-1] == "bias" or name == "classifier.weight":
            torch.testing.assert_close(parameter.grad, plain[name], rtol=0, atol=1e-12)
        else:
            assert parameter.grad is None, name


@pytest.mark.parametrize("architecture", WITH_BIASES)
def test_biases_and_head_alone_move(tiny_model, tmp_path, architecture):
    model = tiny_model(architecture)
    before = weights(model)
    set_seed(3)
    trainer = MethodTrainer(
        model=model, args=arguments(tmp_path, max_steps=3), train_dataset=SeparableTexts(), method=BitFit()
    )
    trainer.train()
    moved = {name for name, value in weights(model).items() if not torch.equal(value, before[name])}
    assert moved
    head = head_parameters(model).keys()
    assert {name for name in moved if name not in head} == {
        name
        for name, parameter in model.named_parameters()
        # XLNet uses r_s_bias only where texts have segments.
        if parameter.requires_grad and name not in head and not name.endswith("r_s_bias")
    }
    assert all(name.endswith("bias") for name in moved if name not in head)
    assert {name for name in head if name.endswith("weight")} <= moved
    blocks = sum(name not in head and "embeddings" not in name for name in moved)
    assert blocks >= 8


def test_xlnets_bare_attention_biases_are_trained(tiny_model):
    model = tiny_model("xlnet")
    BitFit().prepare_model(model)
    assert model.transformer.layer[0].rel_attn.r_w_bias.requires_grad
    assert not model.transformer.layer[0].rel_attn.q.requires_grad


def test_a_model_without_biases_is_refused_in_a_line(tiny_model, tmp_path):
    with pytest.raises(ValueError, match=r"^ModernBertForSequenceClassification: .* no trainable biases; .*$") as error:
        trained(lambda *_, **__: tiny_model("modernbert"), tmp_path, BitFit())
    assert "\n" not in str(error.value)


def test_what_the_user_froze_stays_frozen(tiny_model):
    model = tiny_model("bert")
    model.bert.encoder.layer[0].requires_grad_(False)
    BitFit().prepare_model(model)
    assert not any(parameter.requires_grad for parameter in model.bert.encoder.layer[0].parameters())
    assert model.bert.encoder.layer[1].output.dense.bias.requires_grad


def test_biases_suffice_on_a_model_that_knows_its_texts(tiny_model, tmp_path):
    """With the labels turned around; only the new head and the biases can learn that."""
    knowing = trained(tiny_model, tmp_path, methods["vanilla"](), num_train_epochs=15, learning_rate=3e-3).model
    torch.nn.init.zeros_(knowing.classifier.weight)
    texts = SeparableTexts()
    for row in texts.rows:
        row["labels"] = 1 - row["labels"]
    trainer = MethodTrainer(
        model=knowing, args=arguments(tmp_path, learning_rate=1e-2), train_dataset=texts, method=BitFit()
    )
    trainer.train()
    found = trainer.predict(texts).predictions.argmax(-1)
    assert (found == [row["labels"] for row in texts.rows]).mean() > 0.95


def test_a_step_costs_two_thirds():
    assert BitFit().step_units() == 2.0
