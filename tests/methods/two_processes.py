"""Fine-tunes with RoAST in one process of a data-parallel run and stores what it saw; started by torchrun."""

import os
import sys
from pathlib import Path

import torch
from conftest import tiny_configurations
from test_trainer import SeparableTexts, arguments
from transformers import AutoModelForSequenceClassification, set_seed

from methods import MethodTrainer, methods

folder = Path(sys.argv[1])
torch.manual_seed(0)
model = AutoModelForSequenceClassification.from_config(tiny_configurations()["bert"])
set_seed(3)
method = methods["roast"](alpha=0.6, beta=1.0)
trainer = MethodTrainer(
    model=model,
    args=arguments(folder, ddp_backend="gloo", per_device_train_batch_size=4),
    train_dataset=SeparableTexts(),
    method=method,
)
trainer.train()
seen = {
    "masks": method.state_dict()["multipliers"],
    "weights": trainer.accelerator.unwrap_model(trainer.model).state_dict(),
}
torch.save(seen, folder / f"rank-{os.environ['RANK']}.pt")
