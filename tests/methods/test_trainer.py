from __future__ import annotations

import pytest
import torch
from transformers import Trainer, TrainerCallback, set_seed

from methods import Method, MethodTrainer, NonFiniteLossError, methods
from methods.conformance.tiny_training import SeparableTexts, arguments, weights


def assert_equal_weights(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def trained(tiny_model, folder, method, data=None, resume=None, model_changes=None, **changes):
    model = tiny_model("bert", **(model_changes or {}))
    set_seed(3)
    trainer = MethodTrainer(
        model=model, args=arguments(folder, **changes), train_dataset=data or SeparableTexts(), method=method
    )
    trainer.train(resume_from_checkpoint=resume)
    return trainer


DROPOUT = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}


def test_vanilla_gives_the_plain_trainers_weights_to_the_bit(tiny_model, tmp_path):
    ours = trained(tiny_model, tmp_path / "ours", methods["vanilla"](), model_changes=DROPOUT)
    model = tiny_model("bert", **DROPOUT)
    set_seed(3)
    Trainer(model=model, args=arguments(tmp_path / "theirs"), train_dataset=SeparableTexts()).train()
    assert_equal_weights(weights(ours.model), weights(model))


def test_selective_training_with_certain_masks_is_vanilla(tiny_model, tmp_path, monkeypatch):
    """β = 0 gives p = ½ everywhere; with every gradient kept and unscaled, the weights are vanilla's."""
    from methods import selective

    monkeypatch.setattr(
        selective, "draw_multiplier", lambda probability, generator, scaled: torch.ones_like(probability)
    )
    masked = trained(tiny_model, tmp_path, methods["roast-selective"]())
    plain = trained(tiny_model, tmp_path, methods["vanilla"]())
    assert_equal_weights(weights(masked.model), weights(plain.model))


class GradientsSeen(TrainerCallback):
    """Gradients as the optimizer sees them."""

    def __init__(self) -> None:
        self.steps: list[dict[str, torch.Tensor]] = []

    def on_optimizer_step(self, args, state, control, model=None, **_):
        self.steps.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})


def test_only_encoder_gradients_are_masked_and_the_mask_lasts_an_epoch(tiny_model, tmp_path):
    model = tiny_model("bert")
    set_seed(3)
    seen = GradientsSeen()
    method = methods["roast-selective"](alpha=0.9, beta=10.0)
    MethodTrainer(
        model=model, args=arguments(tmp_path), train_dataset=SeparableTexts(), method=method, callbacks=[seen]
    ).train()
    encoder = [name for name in seen.steps[0] if ".encoder.layer." in name]
    weight = "bert.encoder.layer.0.intermediate.dense.weight"
    assert weight in encoder
    for name in seen.steps[0]:
        zeros = float((seen.steps[0][name] == 0).float().mean())
        if name == weight:
            assert zeros > 0.5
        elif name not in encoder and "embeddings" not in name:
            assert zeros == 0.0
    first_epoch = [step[weight] != 0 for step in seen.steps[:6]]
    second_epoch = [step[weight] != 0 for step in seen.steps[6:]]
    assert all(torch.equal(mask, first_epoch[0]) for mask in first_epoch)
    assert not torch.equal(first_epoch[0], second_epoch[0])


def test_importance_counts_every_mini_batch_of_the_training_set(tiny_model, tmp_path):
    """Against a loop over the formula; the released code loses the first mini-batch."""
    model = tiny_model("bert")
    set_seed(3)
    method = methods["roast-selective"]()
    captured = {}
    original = method._draw
    method._draw = lambda run: (captured.setdefault("first", method._importance.mean()), original(run))
    trainer = MethodTrainer(model=model, args=arguments(tmp_path), train_dataset=SeparableTexts(), method=method)
    start = weights(model)
    trainer.train()

    model.load_state_dict(start)
    name = "bert.encoder.layer.1.output.dense.weight"
    parameter = dict(model.named_parameters())[name]
    batches = list(trainer.get_train_dataloader())
    squares = [torch.autograd.grad(model(**batch).loss, parameter)[0] ** 2 for batch in batches]
    assert len(batches) == 6
    torch.testing.assert_close(captured["first"][name], sum(squares) / len(squares))


class Exploding(Method):
    """Cross-entropy that becomes NaN in the third step."""

    def loss(self, model, batch):
        self.calls = getattr(self, "calls", 0) + 1
        return super().loss(model, batch) * (float("nan") if self.calls == 3 else 1.0)


def test_loss_that_is_not_finite_stops_training_naming_the_step(tiny_model, tmp_path):
    with pytest.raises(NonFiniteLossError, match="step 3: the training loss is nan"):
        trained(tiny_model, tmp_path, Exploding())


def test_perturbation_gradient_that_is_not_finite_names_the_step(tiny_model, tmp_path):
    model = tiny_model("bert")
    with torch.no_grad():
        model.bert.encoder.layer[0].intermediate.dense.weight.fill_(float("nan"))
    trainer = MethodTrainer(
        model=model, args=arguments(tmp_path), train_dataset=SeparableTexts(), method=methods["roast-adversarial"]()
    )
    with pytest.raises(NonFiniteLossError, match="step 1: the gradient with respect to the embedding output"):
        trainer.train()


def linear(name):
    return methods[name](**methods[name].short_training, **LINEAR[name])


LINEAR = {
    "vanilla": {},
    "advembed": {},
    "bitfit": {},
    "ema": {},
    "l2-sp": {},
    "label-smoothing": {},
    "roast-adversarial": {"consistency_weight": 0.0, "reuse_clean_forward": True},
    "wconsol": {},
}
"""Methods, and settings, whose loss is a mean over texts without random numbers."""


@pytest.mark.parametrize("name", LINEAR)
def test_gradient_accumulation_equals_the_larger_batch(tiny_model, tmp_path, name):
    """2 × 8 gives the update of 1 × 16."""
    steps = {"max_steps": 3, "optim": "sgd", "learning_rate": 0.1 if name != "wconsol" else 1e-4}
    whole = trained(tiny_model, tmp_path, linear(name), per_device_train_batch_size=16, **steps)
    parts = trained(
        tiny_model,
        tmp_path,
        linear(name),
        per_device_train_batch_size=8,
        gradient_accumulation_steps=2,
        **steps,
    )
    start = weights(tiny_model("bert"))
    for name, value in weights(whole.model).items():
        torch.testing.assert_close(weights(parts.model)[name], value, rtol=0, atol=1e-6)
    assert any(not torch.equal(value, start[name]) for name, value in weights(whole.model).items())


def test_tied_epochs_keep_the_later_one(tiny_model, tmp_path):
    accuracies = iter([0.5, 0.75, 0.75, 0.6])
    trainer = MethodTrainer(
        model=tiny_model("bert"),
        args=arguments(
            tmp_path,
            num_train_epochs=4,
            save_strategy="epoch",
            eval_strategy="epoch",
            load_best_model_at_end=True,
            metric_for_best_model="accuracy",
            greater_is_better=True,
        ),
        train_dataset=SeparableTexts(),
        eval_dataset=SeparableTexts(8),
        compute_metrics=lambda _: {"accuracy": next(accuracies)},
        method=methods["vanilla"](),
    )
    trainer.train()
    assert trainer.state.best_global_step == 3 * 6
    assert trainer.state.best_model_checkpoint.endswith("checkpoint-18")


def test_a_second_source_of_the_loss_is_refused(tiny_model, tmp_path):
    with pytest.raises(ValueError, match="the method makes the loss"):
        trained(tiny_model, tmp_path, methods["vanilla"](), label_smoothing_factor=0.1)


def test_gradient_checkpointing_is_refused_where_the_embedding_output_is_needed(tiny_model, tmp_path):
    trained(tiny_model, tmp_path, methods["vanilla"](), gradient_checkpointing=True, max_steps=1)
    with pytest.raises(ValueError, match="gradient checkpointing"):
        trained(tiny_model, tmp_path, methods["roast-adversarial"](), gradient_checkpointing=True, max_steps=1)


def test_checkpoint_of_another_trainer_is_refused(tiny_model, tmp_path):
    saving = {"save_strategy": "steps", "save_steps": 4}
    Trainer(model=tiny_model("bert"), args=arguments(tmp_path, **saving), train_dataset=SeparableTexts()).train()
    with pytest.raises(ValueError, match=r"checkpoint-4: holds no method_state\.pt"):
        trained(tiny_model, tmp_path, methods["vanilla"](), resume=str(tmp_path / "checkpoint-4"), **saving)


def test_bf16_autocast_runs(tiny_model, tmp_path):
    trainer = trained(tiny_model, tmp_path, methods["roast"](), bf16=True, num_train_epochs=1)
    assert all(torch.isfinite(value).all() for value in weights(trainer.model).values())


def test_method_finishes_on_the_kept_weights(tiny_model, tmp_path):
    order = []

    class Watching(Method):
        """Vanilla that notes its hooks."""

        def prepare(self, run):
            order.append(("prepare", run.finished_epochs, run.step))

        def end_epoch(self, run):
            order.append(("end_epoch", run.finished_epochs, run.step))

        def finish(self, run):
            order.append(("finish", run.finished_epochs, run.total_steps))

    trained(tiny_model, tmp_path, Watching())
    assert order == [("prepare", 0, 0), ("end_epoch", 1, 6), ("end_epoch", 2, 12), ("finish", 2, 12)]
