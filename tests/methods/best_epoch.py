"""Training whose best epoch is not the last one."""

from safetensors.torch import load_file
from test_trainer import SeparableTexts, arguments
from transformers import set_seed

from methods import MethodTrainer

STEPS_AN_EPOCH = 6
BEST_EPOCH = 2


def trained_with_best_epoch(model, folder, method, **keywords):
    """Four epochs of which the second one is kept."""
    accuracies = iter([0.5, 0.75, 0.6, 0.7])
    set_seed(3)
    trainer = MethodTrainer(
        model=model,
        args=arguments(
            folder,
            num_train_epochs=4,
            save_strategy="epoch",
            eval_strategy="epoch",
            load_best_model_at_end=True,
            metric_for_best_model="accuracy",
            greater_is_better=True,
        ),
        train_dataset=SeparableTexts(),
        eval_dataset=SeparableTexts(8),
        compute_metrics=lambda _: {"accuracy": next(accuracies, 0.0)},
        method=method,
        **keywords,
    )
    trainer.train()
    assert trainer.state.best_global_step == BEST_EPOCH * STEPS_AN_EPOCH
    return trainer


def best_checkpoint(trainer):
    """The weights as they were being trained when the best epoch ended, by name."""
    return load_file(f"{trainer.state.best_model_checkpoint}/model.safetensors")


def logged_loss_of_best_epoch(trainer):
    (entry,) = [
        entry
        for entry in trainer.state.log_history
        if "eval_loss" in entry and entry["step"] == trainer.state.best_global_step
    ]
    return entry["eval_loss"]
