"""Fine-tunes under methods in one process of a data-parallel run and stores what it saw; started by torchrun."""

import gc
import os
import sys
from pathlib import Path

import torch
from test_temperature_scaling import noisy

from methods import methods
from methods.conformance.tiny_training import tiny_trainer, weights

folder = Path(sys.argv[1])
torch.set_num_threads(1)
gc.freeze()  # the Trainer collects garbage twice a training
seen = {}
for name in sys.argv[2:]:
    method = methods[name](**methods[name].short_training)
    trainer = tiny_trainer(method, folder / name, ddp_backend="gloo", per_device_train_batch_size=4, max_steps=8)
    trainer.eval_dataset = noisy(32)
    trainer.train()
    seen[name] = {
        "state": method.state_dict(),
        "report": method.report(),
        "weights": weights(trainer.accelerator.unwrap_model(trainer.model)),
    }
torch.save(seen, folder / f"rank-{os.environ['RANK']}.pt")
