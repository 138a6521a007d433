"""Vanilla fine-tuning through ``MethodTrainer`` against a plain Hugging Face ``Trainer``, and length bucketing.

Run: ``python tests/perf/fine_tuning.py [--mirror FOLDER] [--texts 320] [--seeds 5]``

For each seed three trainings of MiniLM over one epoch of SST-2 sentences take their turn, all from the same weights and
with the same arguments: the plain Trainer, ours, and ours with length bucketing (the Trainer's ``group_by_length``).
Only training is timed, without evaluation and checkpoints. Ours must end with the plain Trainer's weights, to the bit;
the accuracies on the validation set tell what bucketing costs.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from side_by_side import Measurement, at_least, at_most, conclude, parser_of, ratio, timed
from texts import NO_MIRROR, read_sst2
from transformers import DataCollatorWithPadding, PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from benchmark.backbones import load_classifier, load_tokenizer, locate
from benchmark.fine_tuning import TokenizedExamples
from benchmark.prediction import Predictor
from methods import MethodTrainer, methods
from tasks import Examples

PLAIN, OURS, BUCKETED = "plain Trainer", "MethodTrainer", "MethodTrainer, length bucketing"
VALIDATION_TEXTS = 872
ALLOWED_LOSS = 1.0
"""Percentage points by which bucketing may lower the mean accuracy before it counts as a loss."""


def trainer(
    kind: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Any, seed: int, folder: Path
) -> Trainer:
    """One of the three, ready to train."""
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=16,
        learning_rate=2e-4,
        dataloader_drop_last=True,
        dataloader_pin_memory=False,
        group_by_length=kind == BUCKETED,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=seed,
        data_seed=seed,
    )
    keywords = {
        "model": model,
        "args": arguments,
        "train_dataset": data,
        "processing_class": tokenizer,
        "data_collator": DataCollatorWithPadding(tokenizer),
    }
    made = Trainer(**keywords) if kind == PLAIN else MethodTrainer(**keywords, method=methods["vanilla"]())
    made.remove_callback(PrinterCallback)
    return made


def same_weights(one: PreTrainedModel, other: PreTrainedModel) -> bool:
    """Whether two models are equal to the bit."""
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


def spread(accuracies: list[float]) -> str:
    """Mean and standard deviation over the seeds."""
    return f"{statistics.fmean(accuracies):.1f} ± {statistics.stdev(accuracies):.1f}"


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__, mirror=True)
    parser.add_argument("--texts", type=int, default=320)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    if options.mirror is None:
        return conclude(options, [Measurement("fine-tuning on SST-2", NO_MIRROR)])
    backbone = locate("minilm")
    tokenizer = load_tokenizer(backbone)
    validation, gold = read_sst2(options.mirror, "validation", VALIDATION_TEXTS)
    kinds = (PLAIN, OURS, BUCKETED)
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    accuracies: dict[str, list[float]] = {kind: [] for kind in (OURS, BUCKETED)}
    equal = 0
    for seed in range(options.seeds):
        texts, labels = read_sst2(options.mirror, "train", options.texts, seed)
        data = TokenizedExamples(Examples(tuple(texts), labels=tuple(labels)), tokenizer, 128)
        models = {}
        for kind in kinds if seed % 2 == 0 else reversed(kinds):
            models[kind] = load_classifier(backbone, ("negative", "positive"), seed, tokenizer.pad_token_id)
            with tempfile.TemporaryDirectory() as folder:
                seconds[kind].append(timed(trainer(kind, models[kind], tokenizer, data, seed, Path(folder)).train)[0])
        equal += same_weights(models[PLAIN], models[OURS])
        for kind, values in accuracies.items():
            logits = Predictor(models[kind], tokenizer, 128).predict(Examples(tuple(validation))).logits
            values.append(100 * float((logits.argmax(1) == gold).mean()))
    rates = {kind: options.texts / statistics.median(values) for kind, values in seconds.items()}
    against_plain = ratio(seconds[PLAIN], seconds[OURS])
    bucketing = ratio(seconds[PLAIN], seconds[BUCKETED])
    means = {kind: statistics.fmean(values) for kind, values in accuracies.items()}
    setting = f"SST-2, B=16, {options.texts} texts, {options.seeds} seeds"
    found = [
        at_least(
            f"vanilla through MethodTrainer, against a plain Trainer ({setting})",
            against_plain,
            0.98,
            f"{against_plain:.2f}× ({rates[OURS]:.0f} against {rates[PLAIN]:.0f} texts/s)",
        ),
        at_least(
            "vanilla through MethodTrainer: seeds whose weights equal the plain Trainer's to the bit",
            equal,
            options.seeds,
            str(equal),
            unit="",
        ),
        at_least(
            "vanilla with length bucketing, against a plain Trainer",
            bucketing,
            1.3,
            f"{bucketing:.2f}× ({rates[BUCKETED]:.0f} against {rates[PLAIN]:.0f} texts/s)",
        ),
        at_most(
            "length bucketing: accuracy lost on SST-2 validation, percentage points",
            means[OURS] - means[BUCKETED],
            ALLOWED_LOSS,
            f"{means[OURS] - means[BUCKETED]:+.1f} ({spread(accuracies[BUCKETED])} against {spread(accuracies[OURS])})",
            unit="",
        ),
    ]
    return conclude(options, found)


if __name__ == "__main__":
    sys.exit(main())
