"""Fine-tuned classifiers made elsewhere: found, checked, and loaded with their logits in a task's order."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.backbones import (
    HUB_ID,
    WEIGHTS,
    Backbone,
    check,
    commit_on_hub,
    in_folder,
    is_adapter,
    load_configuration,
    load_tokenizer,
    loaded,
    source,
    weights_format,
)
from benchmark.errors import UserError
from benchmark.label_order import label_order
from benchmark.path_component import path_component
from benchmark.trust import NO_TRUST, Trust

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

    from benchmark.prediction import Predictor

LONGEST_NAME = 100
"""Characters of a name on the leaderboard."""


@dataclass(frozen=True)
class Checkpoint:
    """A sequence classifier whose configuration was read and fits a task."""

    model: Backbone
    """Where it is and what identifies it."""
    name: str
    """What the leaderboard calls it."""
    labels: tuple[str, ...]
    """The task's labels in the order of the classifier's logits."""
    order: tuple[int, ...]
    """For each label of the task, in the task's order, its position among the logits."""

    @property
    def slug(self) -> str:
        """The name as one path component."""
        return path_component(self.name, "checkpoint")

    def resolved(self) -> dict[str, Any]:
        """What tells it from others, as JSON values."""
        return {**self.model.resolved(), "name": self.name, "labels": list(self.labels)}


def find_checkpoint(
    where: str,
    labels: Sequence[str],
    *,
    name: str | None = None,
    revision: str | None = None,
    given_labels: Sequence[str] | None = None,
    trust: Trust = NO_TRUST,
) -> Checkpoint:
    """Find a fine-tuned classifier and tell the order of its labels; its weights are not loaded yet.

    Args:
        where: a folder with safetensors weights, or a hub id.
        labels: the task's.
        name: what to call it; by default the folder's name or the hub id.
        revision: branch, tag or commit on the hub.
        given_labels: the task's labels in the order of the classifier's logits; None reads them from its
            configuration.
        trust: what the user lets it do.

    Raises:
        UserError: it is not there, its weights may not be read, it is an adapter, it brings code that may not run, it
            has another number of classes than the task, or the order of its labels cannot be told.
    """
    model = _locate(where, revision, trust)
    shown = (name if name is not None else model.name).strip()
    if not shown or len(shown) > LONGEST_NAME or not shown.isprintable():
        raise UserError(f"--name {shown[:LONGEST_NAME]!r}: give 1 to {LONGEST_NAME} printable characters.")
    _refuse_adapter(model)
    configuration = load_configuration(model)
    order = _order(model, configuration, labels, given_labels)
    by_position = sorted(range(len(labels)), key=order.__getitem__)
    return Checkpoint(model, shown, tuple(labels[index] for index in by_position), order)


def load_predictor(checkpoint: Checkpoint, max_length: int) -> Predictor:
    """The classifier, ready to predict; its logits come in the order of the task's labels.

    Raises:
        UserError: tokenizer or weights cannot be loaded, the weights lack a part of the classifier, the tokenizer is
            another model's, or ``max_length`` exceeds the model's positions.
    """
    import torch

    from benchmark.prediction import Predictor

    check(checkpoint.model, max_length)
    tokenizer = load_tokenizer(checkpoint.model)
    model = _load_weights(checkpoint.model)
    if tokenizer.pad_token_id is None:
        raise UserError(f"checkpoint {checkpoint.model.name}: its tokenizer has neither a padding nor an end token.")
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    known = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > known:
        raise UserError(
            f"checkpoint {checkpoint.model.name}: its tokenizer has {len(tokenizer):,} tokens, the model {known:,}; "
            "put the tokenizer that the model was trained with beside it."
        )
    # A tokenizer may make more than the model takes: token types for a model that has none.
    taken = inspect.signature(model.forward).parameters
    tokenizer.model_input_names = [name for name in tokenizer.model_input_names if name in taken]
    _reorder_logits(model, checkpoint.order)
    return Predictor(model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer, max_length)


def _locate(where: str, revision: str | None, trust: Trust) -> Backbone:
    folder = Path(where).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise UserError(f"--revision {revision}: {where} is a folder; only models on the hub have revisions.")
        return in_folder("checkpoint", folder.resolve(), trust)
    if where.startswith((".", "/", "~")) or not HUB_ID.fullmatch(where):
        raise UserError(f"checkpoint {where}: there is no such folder; name one with {WEIGHTS}, or a hub id.")
    commit = commit_on_hub("checkpoint", where, revision)
    return Backbone(where, where, f"hub:{where}@{commit}", None, commit, kind="checkpoint", trust=trust)


def _refuse_adapter(model: Backbone) -> None:
    from transformers.utils import find_adapter_config_file

    where = source(model).get("revision")
    if loaded(model, "files", lambda: find_adapter_config_file(model.location, revision=where)) is not None:
        raise is_adapter("checkpoint", model.name)


def _order(
    model: Backbone, configuration: PretrainedConfig, labels: Sequence[str], given: Sequence[str] | None
) -> tuple[int, ...]:
    """Position of each of the task's labels among the logits."""
    own = {index: str(name) for index, name in sorted((configuration.id2label or {}).items())}
    shown = ", ".join(f"{index} {name}" for index, name in own.items())
    if len(own) != len(labels):
        raise UserError(
            f"checkpoint {model.name}: has {len(own)} classes ({shown}), the task has {len(labels)}: "
            f"{', '.join(labels)}."
        )
    if given is not None:
        order = label_order(given, labels)
        if order is None:
            raise UserError(
                f"--labels {','.join(given)}: give each of the task's labels once, in the order of the checkpoint's "
                f"logits: {','.join(labels)} or another order. The checkpoint calls them {shown}."
            )
        return order
    order = label_order(tuple(own.values()), labels) if list(own) == list(range(len(labels))) else None
    if order is None:
        raise UserError(
            f"checkpoint {model.name}: the order of its labels cannot be told; it calls them {shown}, the task "
            f"{', '.join(labels)}. Give them in the order of its logits, such as --labels {','.join(labels)}."
        )
    return order


def _load_weights(model: Backbone) -> PreTrainedModel:
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # what the weights lack is refused below instead of warned about
    try:
        classifier, found = loaded(
            model,
            "model",
            lambda: AutoModelForSequenceClassification.from_pretrained(
                model.location,
                **weights_format(model),
                dtype="float32",
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are refused below, with their names
                **source(model),
            ),
        )
    finally:
        logging.set_verbosity(verbosity)
    if found["mismatched_keys"]:
        raise UserError(
            f"checkpoint {model.name}: its weights {_few(found['mismatched_keys'])} have another shape than its "
            "configuration says; config.json and weights are of different models."
        )
    if found["missing_keys"]:
        raise UserError(
            f"checkpoint {model.name}: its weights lack {_few(found['missing_keys'])}; "
            "it is no fine-tuned sequence classifier, and parts that were never trained would be random."
        )
    classifier.config.return_dict = True
    return classifier


def _few(names: Collection[str]) -> str:
    return ", ".join(sorted(names)[:3]) + (", …" if len(names) > 3 else "")


def _reorder_logits(model: PreTrainedModel, order: tuple[int, ...]) -> None:
    """Let the model's own logits come in the order of the task's labels, for attacks that ask for gradients too."""
    if order == tuple(range(len(order))):
        return

    def reorder(module: Any, arguments: Any, output: Any) -> Any:
        output.logits = output.logits[:, list(order)]
        return output

    model.register_forward_hook(reorder)
