"""Every method on every architecture: it trains, or says in one line why not."""

import pytest
import torch
from tiny_architectures import PADDING, tiny_configurations
from transformers import AutoModelForSequenceClassification

from methods import methods
from methods.conformance.tiny_training import LENGTH, SeparableTexts, tiny_trainer, weights

REFUSED = {("bitfit", "modernbert"): "ModernBertForSequenceClassification"}
"""(method, architecture) → what the refusal says."""


class LeftPadded(SeparableTexts):
    """The same texts with their padding in front."""

    def __init__(self, size=48):
        super().__init__(size)
        for row in self.rows:
            shift = LENGTH - int(row["attention_mask"].sum())
            for name in ("input_ids", "attention_mask"):
                row[name] = row[name].roll(shift)
        assert self.rows[0]["input_ids"][0] == PADDING


def steps(method, model, folder, texts=None):
    trainer = tiny_trainer(method, folder, model, max_steps=2)
    if texts is not None:
        trainer.train_dataset = texts
    trainer.train()
    return trainer


@pytest.mark.parametrize("architecture", tiny_configurations())
@pytest.mark.parametrize("name", sorted(methods))
def test_every_method_trains_every_architecture(tiny_model, tmp_path, name, architecture):
    model = tiny_model(architecture)
    method = methods[name](**methods[name].short_training)
    before = weights(model)
    if (name, architecture) in REFUSED:
        with pytest.raises(ValueError, match=REFUSED[name, architecture]) as refusal:
            steps(method, model, tmp_path)
        assert "\n" not in str(refusal.value)
        return
    after = weights(steps(method, model, tmp_path).model)
    assert before.keys() == after.keys()
    assert all(bool(torch.isfinite(value).all()) for value in after.values() if value.is_floating_point())
    assert any(not torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("name", sorted(methods))
def test_a_model_without_weights_can_be_prepared(name):
    """That is how a run finds out beforehand whether a method works on a backbone."""
    for architecture, configuration in tiny_configurations().items():
        with torch.device("meta"):
            model = AutoModelForSequenceClassification.from_config(configuration)
        if (name, architecture) in REFUSED:
            with pytest.raises(ValueError, match=REFUSED[name, architecture]):
                methods[name]().prepare_model(model)
        else:
            methods[name]().prepare_model(model)


@pytest.mark.parametrize("name", sorted(methods))
def test_gpt2_is_trained_with_padding_on_the_left_too(tiny_model, tmp_path, name):
    model = tiny_model("gpt2")
    before = weights(model)
    after = weights(steps(methods[name](**methods[name].short_training), model, tmp_path, LeftPadded()).model)
    assert all(bool(torch.isfinite(value).all()) for value in after.values() if value.is_floating_point())
    assert any(not torch.equal(before[key], after[key]) for key in before)
