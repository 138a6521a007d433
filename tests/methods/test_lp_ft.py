"""Linear probing before fine-tuning, against a loop over features written out."""

import pytest
import torch
from plain_run import PlainRun
from pydantic import ValidationError
from test_trainer import SeparableTexts, arguments, assert_equal_weights, trained, weights
from tiny_architectures import tiny_configurations
from torch.nn import functional
from transformers import set_seed

from methods import MethodTrainer, methods
from methods.architecture import head_parameters

LpFt = methods["lp-ft"]
ONLY_PROBING = {"learning_rate": 0.0, "max_steps": 1}


def batches_of_texts():
    rows = SeparableTexts().rows
    return [
        {name: torch.stack([row[name] for row in rows[start : start + 8]]) for name in rows[0]}
        for start in range(0, len(rows), 8)
    ]


def test_probed_head_equals_a_classifier_trained_on_stored_features(tiny_model):
    model = tiny_model("bert").double()
    weight, bias = (value.detach().clone() for value in (model.classifier.weight, model.classifier.bias))
    batches = batches_of_texts()
    features = [model.bert(batch["input_ids"], batch["attention_mask"]).pooler_output.detach() for batch in batches]

    LpFt(probing_epochs=3, probing_learning_rate=0.05).prepare(PlainRun(model, batches))

    first = {"weight": torch.zeros_like(weight), "bias": torch.zeros_like(bias)}
    second = {"weight": torch.zeros_like(weight), "bias": torch.zeros_like(bias)}
    parameters = {"weight": weight, "bias": bias}
    step = 0
    for _ in range(3):
        for feature, batch in zip(features, batches, strict=True):
            step += 1
            error = (feature @ weight.T + bias).softmax(-1) - functional.one_hot(batch["labels"], 2)
            gradients = {"weight": error.T @ feature / len(feature), "bias": error.mean(0)}
            for name, gradient in gradients.items():
                first[name] = 0.9 * first[name] + 0.1 * gradient
                second[name] = 0.999 * second[name] + 0.001 * gradient**2
                moment, square = first[name] / (1 - 0.9**step), second[name] / (1 - 0.999**step)
                parameters[name] -= 0.05 * moment / (square.sqrt() + 1e-8)
    torch.testing.assert_close(model.classifier.weight.detach(), weight, rtol=0, atol=1e-9)
    torch.testing.assert_close(model.classifier.bias.detach(), bias, rtol=0, atol=1e-9)


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_the_head_alone_moves_while_probing_and_its_loss_falls(tiny_model, architecture):
    model = tiny_model(architecture)
    before = weights(model)
    head = head_parameters(model).keys()
    method = LpFt(probing_epochs=4, probing_learning_rate=0.01)
    method.prepare_model(model)
    method.prepare(PlainRun(model, batches_of_texts()))
    for name, value in weights(model).items():
        assert torch.equal(value, before[name]) == (name not in head), name
    losses = method.report()["probing_losses"]
    assert len(losses) == 4
    assert losses[-1] < losses[0]


def test_dropout_is_off_while_probing(tiny_model, tmp_path):
    heads = []
    for dropout in (0.0, 0.5):
        changes = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
        trainer = trained(tiny_model, tmp_path, LpFt(), model_changes=changes, **ONLY_PROBING)
        heads.append(trainer.model.classifier.weight)
    assert torch.equal(*heads)


def test_everything_is_fine_tuned_afterwards_but_what_the_user_froze(tiny_model, tmp_path):
    model = tiny_model("bert")
    model.bert.embeddings.requires_grad_(False)
    trainable = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    before = weights(model)
    set_seed(3)
    MethodTrainer(model=model, args=arguments(tmp_path), train_dataset=SeparableTexts(), method=LpFt()).train()
    assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == trainable
    moved = {name for name, value in weights(model).items() if not torch.equal(value, before[name])}
    assert moved == trainable


def test_fine_tuning_starts_from_the_probed_head(tiny_model, tmp_path):
    """With a head trained far, the loss of the first step is below that of vanilla's."""
    losses = {}
    for name, method in {"vanilla": methods["vanilla"](), "lp-ft": LpFt(probing_learning_rate=0.1)}.items():
        trainer = trained(tiny_model, tmp_path, method, max_steps=1, logging_strategy="steps", logging_steps=1)
        losses[name] = trainer.state.log_history[0]["loss"]
    assert losses["lp-ft"] < losses["vanilla"] - 0.01


def test_without_probing_it_is_vanilla_to_the_bit(tiny_model, tmp_path):
    found = trained(tiny_model, tmp_path, LpFt(probing_epochs=0))
    plain = trained(tiny_model, tmp_path, methods["vanilla"]())
    assert_equal_weights(weights(found.model), weights(plain.model))


def test_checkpoints_hold_no_tensors_of_it(tiny_model, tmp_path):
    trained(tiny_model, tmp_path, LpFt(probing_epochs=2), save_strategy="steps", save_steps=4)
    state = torch.load(tmp_path / "checkpoint-4" / "method_state.pt", weights_only=True)
    assert state.keys() == {"probing_losses"}
    assert [type(loss) for loss in state["probing_losses"]] == [float, float]


def test_a_frozen_head_is_refused(tiny_model, tmp_path):
    model = tiny_model("bert")
    model.classifier.requires_grad_(False)
    with pytest.raises(ValueError, match="BertForSequenceClassification: its head is frozen"):
        MethodTrainer(model=model, args=arguments(tmp_path), train_dataset=SeparableTexts(), method=LpFt())


@pytest.mark.parametrize("values", [{"probing_epochs": -1}, {"probing_learning_rate": 0.0}])
def test_out_of_range_is_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        LpFt(**values)
