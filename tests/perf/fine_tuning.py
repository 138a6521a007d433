"""Vanilla fine-tuning through ``MethodTrainer`` against a plain Hugging Face ``Trainer``, and length bucketing.

Run: ``python tests/perf/fine_tuning.py [--mirror FOLDER] [--texts 320] [--rounds 5] [--accuracy-texts 960]``

In each round three trainings of MiniLM over one epoch of SST-2 sentences take their turn, with the round as seed, the
same weights and the same arguments: the plain Trainer, ours, and ours with length bucketing (the Trainer's
``group_by_length``). Only training is timed, without evaluation and checkpoints. Ours must end with the plain
Trainer's weights, to the bit. What bucketing does to accuracy takes longer trainings, and is measured where
``--accuracy-texts`` asks for it.
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
LABELS = ("negative", "positive")
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


def train(kind: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Any, seed: int) -> float:
    """Train a model in place; the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        return timed(trainer(kind, model, tokenizer, data, seed, Path(folder)).train)[0]


def training_data(mirror: Path, texts: int, seed: int, tokenizer: PreTrainedTokenizerBase) -> TokenizedExamples:
    """A sample of SST-2's training sentences."""
    sentences, labels = read_sst2(mirror, "train", texts, seed)
    return TokenizedExamples(Examples(tuple(sentences), labels=tuple(labels)), tokenizer, 128)


def same_weights(one: PreTrainedModel, other: PreTrainedModel) -> bool:
    """Whether two models are equal to the bit."""
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


def spread(accuracies: list[float]) -> str:
    """Mean and standard deviation over the seeds."""
    return f"{statistics.fmean(accuracies):.1f} ± {statistics.stdev(accuracies):.1f}"


def speeds(mirror: Path, texts: int, seeds: int) -> list[Measurement]:
    """The three trainers' rates, and whether ours ends with the plain one's weights."""
    backbone = locate("minilm")
    tokenizer = load_tokenizer(backbone)
    kinds = (PLAIN, OURS, BUCKETED)
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    equal = 0
    for seed in range(seeds):
        data = training_data(mirror, texts, seed, tokenizer)
        models = {}
        for kind in kinds if seed % 2 == 0 else reversed(kinds):
            models[kind] = load_classifier(backbone, LABELS, seed, tokenizer.pad_token_id)
            seconds[kind].append(train(kind, models[kind], tokenizer, data, seed))
        equal += same_weights(models[PLAIN], models[OURS])
    rates = {kind: texts / statistics.median(values) for kind, values in seconds.items()}
    against_plain = ratio(seconds[PLAIN], seconds[OURS])
    bucketing = ratio(seconds[PLAIN], seconds[BUCKETED])
    return [
        at_least(
            f"vanilla through MethodTrainer, against a plain Trainer (SST-2, B=16, {texts} texts, {seeds} seeds)",
            against_plain,
            0.98,
            f"{against_plain:.2f}× ({rates[OURS]:.0f} against {rates[PLAIN]:.0f} texts/s)",
        ),
        at_least(
            "vanilla through MethodTrainer: seeds whose weights equal the plain Trainer's to the bit",
            equal,
            seeds,
            str(equal),
            unit="",
        ),
        at_least(
            "vanilla with length bucketing, against a plain Trainer",
            bucketing,
            1.3,
            f"{bucketing:.2f}× ({rates[BUCKETED]:.0f} against {rates[PLAIN]:.0f} texts/s)",
        ),
    ]


def accuracies(mirror: Path, texts: int, seeds: int) -> Measurement:
    """What bucketing costs on the validation set."""
    what = "length bucketing: accuracy lost on SST-2 validation, percentage points"
    if not texts:
        return Measurement(what, "takes minutes: python tests/perf/fine_tuning.py --accuracy-texts 960")
    backbone = locate("minilm")
    tokenizer = load_tokenizer(backbone)
    validation, gold = read_sst2(mirror, "validation")
    found: dict[str, list[float]] = {OURS: [], BUCKETED: []}
    for seed in range(seeds):
        data = training_data(mirror, texts, seed, tokenizer)
        for kind, values in found.items():
            model = load_classifier(backbone, LABELS, seed, tokenizer.pad_token_id)
            train(kind, model, tokenizer, data, seed)
            logits = Predictor(model, tokenizer, 128).predict(Examples(tuple(validation))).logits
            values.append(100 * float((logits.argmax(1) == gold).mean()))
    lost = statistics.fmean(found[OURS]) - statistics.fmean(found[BUCKETED])
    said = f"{lost:+.1f} ({spread(found[BUCKETED])} against {spread(found[OURS])}; {texts} texts, {seeds} seeds)"
    return at_most(what, lost, ALLOWED_LOSS, said, unit="")


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__, mirror=True)
    parser.add_argument("--texts", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--accuracy-texts", type=int, default=0, help="training texts of the accuracies; 0 is none")
    parser.add_argument("--accuracy-seeds", type=int, default=3)
    options = parser.parse_args()
    if options.mirror is None:
        return conclude(options, [Measurement("fine-tuning on SST-2", NO_MIRROR)])
    found = speeds(options.mirror, options.texts, options.rounds) if options.rounds else []
    return conclude(options, [*found, accuracies(options.mirror, options.accuracy_texts, options.accuracy_seeds)])


if __name__ == "__main__":
    sys.exit(main())
