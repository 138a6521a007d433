"""The recipes whose word vectors and models are too large to be had in a test, run on small ones in their places.

The stand-ins are files in the same formats at the same places, so that finding and loading are those of the real
ones. Only TensorFlow, its hub and the learning-to-write model are replaced by Python objects.
"""

from __future__ import annotations

import hashlib
import importlib
import pickle
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attack_sentences import CLUSTERS, SENTENCES

from benchmark.attacks import attacks
from benchmark.attacks.model_files import (
    COUNTER_FITTED_FOLDER,
    LEARNING_TO_WRITE_FOLDER,
    UNIVERSAL_SENTENCE_ENCODER_URL,
)
from benchmark.attacks.outcome import AttackOutcome
from benchmark.attacks.resources import require_resources
from benchmark.attacks.run import run_attack
from benchmark.attacks.textattack_offline import import_textattack
from benchmark.environment import UNPICKLE_TAGGERS_VARIABLE

WORDS = [word for cluster in CLUSTERS for word in cluster]


def write_word_vectors(folder: Path) -> None:
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    rows = []
    for cluster in CLUSTERS:
        center = generator.normal(size=8)
        center /= np.linalg.norm(center)
        rows += [center + 0.05 * generator.normal(size=8) for _ in cluster]
    vectors = np.array(rows, np.float32)
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    np.save(folder / "paragram.npy", vectors)
    np.save(folder / "nn.npy", distances.argsort(axis=1)[:, :5])
    (folder / "wordlist.pickle").write_bytes(pickle.dumps({word: row for row, word in enumerate(WORDS)}))
    for name in ("mse_dist.p", "cos_sim.p"):
        (folder / name).write_bytes(pickle.dumps(defaultdict(dict)))


def in_hub_cache(cache: Path, name: str) -> Path:
    commit = "0" * 40
    repository = cache / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    folder = repository / "snapshots" / commit
    folder.mkdir(parents=True)
    return folder


def write_masked_bert(folder: Path, tiny_classifier: Path) -> None:
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

    tokenizer = AutoTokenizer.from_pretrained(tiny_classifier)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **shape)).save_pretrained(folder)


def write_masked_roberta(folder: Path) -> None:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaForMaskedLM, RobertaTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(SENTENCES * 50, vocab_size=400, special_tokens=special)
    bpe.save_model(str(folder))
    tokenizer = RobertaTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    RobertaForMaskedLM(RobertaConfig(vocab_size=len(tokenizer), max_position_embeddings=514, **shape)).save_pretrained(
        folder
    )


def write_flair_tagger(file: Path, tags: list[str], tag_type: str) -> None:
    from flair.data import Dictionary
    from flair.embeddings import OneHotEmbeddings
    from flair.models import SequenceTagger

    torch.manual_seed(1)
    dictionary, vocabulary = Dictionary(add_unk=False), Dictionary(add_unk=True)
    for tag in tags:
        dictionary.add_item(tag)
    for word in WORDS:
        vocabulary.add_item(word)
    settings = {"use_crf": False, "use_rnn": False, "reproject_embeddings": False}
    SequenceTagger(OneHotEmbeddings(vocabulary, embedding_length=8), dictionary, tag_type, **settings).save(str(file))


HUB_STAND_IN = """
import hashlib
import numpy as np

class Encoding(np.ndarray):
    def numpy(self):
        return np.asarray(self)

def vector_of(word):
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).normal(size=64)

def load(url):
    return lambda texts: np.array([sum(map(vector_of, t.split())) for t in texts], np.float32).view(Encoding)
"""


@pytest.fixture(scope="module")
def stand_in_files(tmp_path_factory: pytest.TempPathFactory, tiny_classifier: Path) -> Path:
    """Every resource of every attack but NLTK's data, small, at its place below one folder."""
    from benchmark.backbones import locate

    import_textattack()  # flair, left to itself, changes the program's logging
    folder = tmp_path_factory.mktemp("stand-ins")
    write_word_vectors(folder / "textattack" / COUNTER_FITTED_FOLDER)
    write_masked_bert(in_hub_cache(folder / "hub", "google-bert/bert-base-uncased"), tiny_classifier)
    write_masked_roberta(in_hub_cache(folder / "hub", "distilbert/distilroberta-base"))
    packaged = locate("minilm").folder
    assert packaged is not None
    encoder = in_hub_cache(folder / "hub", "sentence-transformers/stsb-distilbert-base")
    shutil.copytree(packaged, encoder, dirs_exist_ok=True)
    for name, tags, tag_type in (
        ("ner-english", ["O", "S-PER", "S-LOC"], "ner"),
        ("upos-english-fast", ["NOUN", "ADJ", "DET", "VERB"], "pos"),
    ):
        place = in_hub_cache(folder / "flair" / "models" / name, f"flair/{name}")
        write_flair_tagger(place / "pytorch_model.bin", tags, tag_type)
    module = folder / "tfhub" / hashlib.sha1(UNIVERSAL_SENTENCE_ENCODER_URL.encode()).hexdigest()
    writer = folder / "textattack" / LEARNING_TO_WRITE_FOLDER
    for file in (
        module / "saved_model.pb",
        *(writer / name for name in ("word_map.th7", "word_freq.th7", "lm-state-dict.pt")),
        *(folder / "modules" / f"{name}.py" for name in ("tensorflow", "torchfile")),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    (folder / "modules" / "tensorflow_hub.py").write_text(HUB_STAND_IN)
    return folder


@pytest.fixture
def stand_ins(stand_in_files: Path, monkeypatch: pytest.MonkeyPatch, nltk_data: Path) -> Iterator[None]:
    """All caches are those of the stand-ins."""
    import flair
    from huggingface_hub import constants
    from textattack.constraints.grammaticality.language_models.learning_to_write import learning_to_write

    textattack = import_textattack()
    utils = textattack.shared.utils
    monkeypatch.setattr(utils.install, "TEXTATTACK_CACHE_DIR", str(stand_in_files / "textattack"))
    monkeypatch.setattr(utils, "GLOBAL_OBJECTS", {})
    monkeypatch.setattr(utils.strings, "_flair_taggers", {})
    monkeypatch.setattr(flair, "cache_root", stand_in_files / "flair")
    monkeypatch.setenv(UNPICKLE_TAGGERS_VARIABLE, "1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(stand_in_files / "hub"))
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(stand_in_files / "tfhub"))
    monkeypatch.syspath_prepend(stand_in_files / "modules")
    monkeypatch.setattr(learning_to_write.QueryHandler, "load_model", staticmethod(lambda *_: Likely()))
    encoders = textattack.constraints.semantics.sentence_encoders.universal_sentence_encoder
    monkeypatch.setattr(
        encoders.universal_sentence_encoder, "hub", importlib.import_module("tensorflow_hub"), raising=True
    )
    yield
    for name in ("tensorflow", "tensorflow_hub", "torchfile"):
        sys.modules.pop(name, None)


class Likely:
    """A language model that finds words with an "o" unlikely."""

    def query(self, sentences: list[list[str]], words: list[str]) -> list[float]:
        return [-20.0 if "o" in word else -1.0 for word in words]


TEXTS = [
    "the film finds a lovely story and shows the great actor in a picture that is never dull",
    "this isn't a good film : the director makes 12 awful actors poor in 3 days",
]


def attacked(name: str, predictor: Callable[..., Any], max_queries: int | None) -> AttackOutcome:
    texts = ["the actor finds a lovely story"] if name.startswith("clare") else TEXTS  # CLARE tries so much
    labels = predictor(texts).argmax(axis=1).tolist()
    return run_attack(attacks[name], predictor, texts, labels, max_queries=max_queries, seed=0)


REST = [
    name
    for name in attacks
    if name not in ("deepwordbug", "pwws", "pruthi", "hotflip-own-embeddings", "input-reduction")
]


@pytest.mark.parametrize("name", REST)
def test_it_runs_without_a_network(name: str, predictor: Any, stand_ins: None, no_network: list[str]) -> None:
    require_resources(attacks[name])
    outcome = attacked(name, predictor, 60)
    assert max(e.queries for e in outcome.examples) > 1
    assert any(e.words_changed for e in outcome.examples)
    assert attacked(name, predictor, 60).examples == outcome.examples
    assert no_network == []
    for example in outcome.examples:
        changed = [
            (old, new)
            for old, new in zip(example.original_text.split(), example.attacked_text.split(), strict=False)
            if old != new
        ]
        if name in ("textfooler", "textfooler-sbert", "a2t", "iga", "faster-alzantot", "hotflip"):
            cluster_of = {word: row for row, cluster in enumerate(CLUSTERS) for word in cluster}
            assert all(cluster_of[old] == cluster_of[new] for old, new in changed)
        if name in ("iga", "faster-alzantot"):
            assert len(changed) <= 0.2 * len(example.original_text.split()) + 1
        if name == "hotflip":
            assert len(changed) <= 2
        if name == "faster-alzantot":
            assert not any("o" in new and "o" not in old for old, new in changed)


@pytest.mark.parametrize("name", [name for name in REST if not name.endswith("-sbert")])
@pytest.mark.parametrize("budget", [1, 3])
def test_a_small_budget_is_kept(name: str, budget: int, predictor: Any, stand_ins: None) -> None:
    assert max(e.queries for e in attacked(name, predictor, budget).examples) <= budget


def test_textbugger_swaps_letters_for_look_alikes(predictor: Any, stand_ins: None) -> None:
    from benchmark.attacks.model_wrapper import wrap_model

    swaps = attacks["textbugger"].build(wrap_model(predictor)).transformation.transformations
    (look_alikes,) = [swap for swap in swaps if hasattr(swap, "homos")]
    assert look_alikes._get_replacement_words("bad") == ["\u042cad", "b\u0251d", "ba\u0501"]


def test_textattack_itself_is_left_as_it_is(predictor: Any, stand_ins: None) -> None:
    from benchmark.attacks.model_wrapper import wrap_model
    from benchmark.attacks.recipe import build_recipe

    recipe = import_textattack().attack_recipes.TextFoolerJin2019
    names = dict(recipe.build.__globals__)
    attacks["textfooler-sbert"].build(wrap_model(predictor))
    assert recipe.build.__globals__ == names
    with pytest.raises(ImportError, match="recipe TextFoolerJin2019 uses no Unheard"):
        build_recipe("TextFoolerJin2019", wrap_model(predictor), {"Unheard": 1})


@pytest.mark.parametrize("name", ["textfooler", "textbugger", "bae", "bert-attack", "clare"])
def test_variants_keep_metric_and_thresholds(name: str, predictor: Any, stand_ins: None) -> None:
    from benchmark.attacks.model_wrapper import wrap_model

    def encoder(attack: str) -> Any:
        (found,) = [c for c in attacks[attack].build(wrap_model(predictor)).constraints if hasattr(c, "sim_metric")]
        return found

    original, variant = encoder(name), encoder(f"{name}-sbert")
    for setting in ("threshold", "metric", "window_size", "skip_text_shorter_than_window", "compare_against_original"):
        assert getattr(variant, setting) == getattr(original, setting)
