from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from attack_sentences import CLUSTERS

MIRROR = Path(os.environ.get("ROAST_BENCH_MIRROR") or Path(__file__).parents[3].parent / "shared" / "mirror")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every attempt to connect fails and is listed here."""
    attempts: list[str] = []

    def refuse(*arguments: Any, **_: Any) -> None:
        attempts.append(repr(arguments))
        raise OSError("connections are forbidden in this test")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    return attempts


@pytest.fixture
def only_nltk_data(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets NLTK look into the given folders only."""
    from benchmark.attacks.textattack_offline import import_textattack

    import_textattack()
    import nltk

    def choose(*folders: Path) -> None:
        monkeypatch.setenv("NLTK_DATA", os.pathsep.join(map(str, folders)))
        monkeypatch.setattr(nltk.data, "path", [str(folder) for folder in folders])

    return choose


@pytest.fixture
def nltk_data(only_nltk_data: Any) -> Path:
    """The mirror's NLTK data, the only one that NLTK sees."""
    folder = MIRROR / "nltk_data"
    if not (folder / "corpora" / "wordnet").is_dir():
        pytest.skip(f"no NLTK data at {folder}; name a mirror in ROAST_BENCH_MIRROR")
    only_nltk_data(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT classifier of two classes whose input embeddings lie in clusters, as a folder."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("classifiers") / "tiny"
    folder.mkdir()
    words = [word for cluster in CLUSTERS for word in cluster]
    others = ["the", "a", "is", "and", "with", "an", "this", "to", "##ly", "##s", "re", "##make", ".", ",", "("]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *others]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    torch.manual_seed(3)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertForSequenceClassification(
        BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, initializer_range=0.4, num_labels=2, **shape)
    )
    rows = model.get_input_embeddings().weight.data
    for cluster in CLUSTERS:
        center = torch.randn(16)
        for word in cluster:
            rows[vocabulary.index(word)] = center + 0.35 * torch.randn(16)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def predictor(tiny_classifier: Path) -> Any:
    """The tiny classifier, ready to predict."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from benchmark.prediction import Predictor

    return Predictor(
        AutoModelForSequenceClassification.from_pretrained(tiny_classifier),
        AutoTokenizer.from_pretrained(tiny_classifier),
        64,
    )
