"""Trains under several methods in one process of a data-parallel run and stores the ends; started by torchrun."""

import os
import sys
from pathlib import Path

import torch
from conftest import tiny_configurations
from test_temperature_scaling import noisy
from test_trainer import SeparableTexts, arguments
from transformers import AutoModelForSequenceClassification, set_seed

from methods import MethodTrainer, method_named

folder = Path(sys.argv[1])
ends = {}
for name in sys.argv[2:]:
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(tiny_configurations()["bert"])
    set_seed(3)
    method = method_named(name)()
    MethodTrainer(
        model=model,
        args=arguments(
            folder,
            ddp_backend="gloo",
            per_device_train_batch_size=4,
            per_device_eval_batch_size=4,
            max_steps=4,
            learning_rate=1e-2,
        ),
        train_dataset=SeparableTexts(),
        eval_dataset=noisy(32),
        method=method,
    ).train()
    ends[name] = {"weights": model.state_dict(), "report": method.report()}
torch.save(ends, folder / f"rank-{os.environ['RANK']}.pt")
