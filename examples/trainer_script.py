"""An ordinary Trainer script, fine-tuning under a method: one line and its import differ from plain fine-tuning.

python examples/trainer_script.py --model bert-base-uncased --train_file train.csv --test_file test.csv --output_dir out

The files are CSV or JSON Lines with columns ``text`` and ``label``; every argument of ``TrainingArguments`` is taken.
"""

from dataclasses import dataclass, field
from pathlib import Path

from datasets import load_dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    HfArgumentParser,
    TrainingArguments,
    set_seed,
)

from methods import MethodTrainer, method_named


@dataclass
class ScriptArguments:
    """What to fine-tune, on what."""

    model: str = field(metadata={"help": "hub id or folder of a pre-trained model"})
    train_file: str = field(metadata={"help": "CSV or JSON Lines file with columns text and label"})
    test_file: str = field(metadata={"help": "the same, to evaluate on"})
    method: str = field(default="roast", metadata={"help": "a name that `roast-bench list methods` prints, or A+B"})


def accuracy(prediction):
    """Share of texts whose largest logit is that of their label."""
    return {"accuracy": float((prediction.predictions.argmax(axis=-1) == prediction.label_ids).mean())}


def main():
    """Fine-tune, evaluate, save."""
    script, arguments = HfArgumentParser((ScriptArguments, TrainingArguments)).parse_args_into_dataclasses()
    set_seed(arguments.seed)

    file_format = "csv" if Path(script.train_file).suffix == ".csv" else "json"
    data = load_dataset(file_format, data_files={"train": script.train_file, "test": script.test_file})
    labels = sorted(set(data["train"]["label"]))
    tokenizer = AutoTokenizer.from_pretrained(script.model)
    model = AutoModelForSequenceClassification.from_pretrained(script.model, num_labels=len(labels))
    model.config.id2label = {index: str(label) for index, label in enumerate(labels)}
    model.config.label2id = {str(label): index for index, label in enumerate(labels)}

    def encode(row):
        return {**tokenizer(row["text"], truncation=True, max_length=128), "labels": labels.index(row["label"])}

    data = data.map(encode, remove_columns=data["train"].column_names)
    setup = {
        "model": model,
        "args": arguments,
        "train_dataset": data["train"],
        "eval_dataset": data["test"],
        "data_collator": DataCollatorWithPadding(tokenizer),
        "processing_class": tokenizer,
        "compute_metrics": accuracy,
    }
    # Plain fine-tuning: trainer = Trainer(**setup)
    trainer = MethodTrainer(method=method_named(script.method)(), **setup)
    trainer.train()
    metrics = trainer.evaluate()
    trainer.log_metrics("eval", metrics)
    trainer.save_metrics("eval", metrics)
    trainer.save_model()


if __name__ == "__main__":
    main()
