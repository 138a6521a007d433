"""Gradients, the alignment of words and tokens, and the first-order estimate, against naive references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attack_sentences import CLUSTERS

from benchmark.attacks import attacks
from benchmark.attacks.gradient_ranking import gradient_ranking
from benchmark.attacks.gradient_word_swap import WordFlips
from benchmark.attacks.hotflip import OWN_SIMILARITY, own_word_vectors
from benchmark.attacks.model_wrapper import wrap_model
from benchmark.attacks.textattack_offline import import_textattack
from benchmark.attacks.word_tokens import tokens_of, word_places
from benchmark.errors import UserError
from benchmark.white_box import WhiteBox


def attacked_text(text: Any) -> Any:
    from collections import OrderedDict

    given = text if isinstance(text, str) else OrderedDict(zip(("premise", "hypothesis"), text, strict=True))
    return import_textattack().shared.AttackedText(given)


def loss_of_embeddings(predictor: Any, text: str, embeddings: torch.Tensor, label: int) -> torch.Tensor:
    tokens = predictor._tokenizer(text, return_tensors="pt")
    logits = predictor._model.double()(
        inputs_embeds=embeddings, attention_mask=tokens["attention_mask"], token_type_ids=tokens["token_type_ids"]
    ).logits
    return torch.nn.functional.cross_entropy(logits, torch.tensor([label]))


def flips_of(predictor: Any, min_cos_sim: float = OWN_SIMILARITY) -> WordFlips:
    opened = predictor.white_box()
    return WordFlips(opened, own_word_vectors(opened), min_cos_sim=min_cos_sim, cased=True)


def test_the_gradient_is_that_of_finite_differences(predictor: Any) -> None:
    text = "the film is a good story"
    seen = predictor.white_box().gradient(text)
    label = int(predictor([text]).argmax())
    base = torch.tensor(predictor.white_box().embeddings[seen.token_ids][None]).double()
    assert seen.gradient.shape == base.shape[1:]
    step = 1e-5
    generator = np.random.default_rng(0)
    for _ in range(20):
        row, column = generator.integers(seen.gradient.shape[0]), generator.integers(seen.gradient.shape[1])
        moved = [base.clone() for _ in range(2)]
        moved[0][0, row, column] += step
        moved[1][0, row, column] -= step
        with torch.no_grad():
            up, down = (loss_of_embeddings(predictor, text, each, label).item() for each in moved)
        assert seen.gradient[row, column] == pytest.approx((up - down) / (2 * step), rel=1e-3, abs=1e-6)


def test_the_model_is_left_as_it_was(predictor: Any) -> None:
    model = predictor._model
    model.train()
    model.requires_grad_(False)
    before = predictor(["a good film"])
    seen = predictor.white_box().gradient("a good film")
    assert np.abs(seen.gradient).max() > 0  # frozen parameters hinder nothing, and dropout is off:
    np.testing.assert_array_equal(seen.gradient, predictor.white_box().gradient("a good film").gradient)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    np.testing.assert_array_equal(predictor(["a good film"]), before)
    assert model.get_input_embeddings()._forward_hooks == {}


def test_offsets_and_parts_of_a_pair(predictor: Any) -> None:
    pair = ("the film .", "a remake, superb")
    seen = predictor.white_box().gradient(pair)
    assert seen.part.tolist() == [-1, 0, 0, 0, -1, 1, 1, 1, 1, 1, -1]
    written = [pair[part][start:end] for part, (start, end) in zip(seen.part, seen.offsets, strict=True) if part >= 0]
    assert written == ["the", "film", ".", "a", "re", "make", ",", "superb"]
    places = word_places(attacked_text(pair))
    assert [(place.word, place.part) for place in places] == [
        ("the", 0), ("film", 0), ("a", 1), ("remake", 1), ("superb", 1),
    ]  # fmt: skip
    assert [tokens_of(place, seen) for place in places] == [[1], [2], [5], [6, 7], [9]]


def test_words_that_were_cut_off_have_no_tokens(predictor: Any) -> None:
    opened = WhiteBox(predictor._model, predictor._tokenizer, 4)
    seen = opened.gradient("good film bad plot")
    assert [tokens_of(place, seen) for place in word_places(attacked_text("good film bad plot"))] == [[1], [2], [], []]
    assert set(gradient_ranking(opened, attacked_text("good film bad plot"), [0, 1, 2, 3])) == {0, 1}


def test_repeated_words_are_told_apart(predictor: Any) -> None:
    text = attacked_text("film, films (film")
    assert [(place.word, place.start, place.before) for place in word_places(text)] == [
        ("film", 0, ""), ("films", 6, " "), ("film", 13, "("),
    ]  # fmt: skip


def test_estimates_are_those_of_a_naive_loop(predictor: Any) -> None:
    text = "the film is a good story"
    tokenizer, table = predictor._tokenizer, predictor._model.get_input_embeddings().weight.detach().double()
    label = int(predictor([text]).argmax())
    ids = tokenizer(text)["input_ids"]
    embeddings = table[ids][None].clone().requires_grad_()
    loss_of_embeddings(predictor, text, embeddings, label).backward()
    assert embeddings.grad is not None
    naive = {}
    for index, word in enumerate(text.split()):
        old = ids[index + 1]  # the words are one token each, behind [CLS]
        for other in (word for cluster in CLUSTERS for word in cluster):
            new = tokenizer.convert_tokens_to_ids(other)
            if new != old and torch.cosine_similarity(table[new], table[old], dim=0) >= OWN_SIMILARITY:
                naive[index, other] = float((table[new] - table[old]) @ embeddings.grad[0, index + 1])
    found = {(f.index, f.word): f.estimate for f in flips_of(predictor.__class__(
        predictor._model.float(), tokenizer, 64)).best(attacked_text(text), range(6), 1000)}  # fmt: skip
    assert len(naive) > 5
    assert found == pytest.approx(naive, rel=1e-4, abs=1e-6)
    best = flips_of(predictor).best(attacked_text(text), range(6), 3)
    assert [(flip.index, flip.word) for flip in best] == sorted(naive, key=lambda key: -naive[key])[:3]


def test_only_whole_words_of_one_token_go_and_come(predictor: Any) -> None:
    flips = flips_of(predictor, min_cos_sim=-1.0).best(attacked_text("this remake is unseen , a film"), range(6), 1000)
    words = {word for cluster in CLUSTERS for word in cluster} | {
        "the",
        "a",
        "is",
        "and",
        "with",
        "an",
        "this",
        "to",
        "re",
    }
    assert {flip.index for flip in flips} == {0, 2, 4, 5}  # neither "remake" (two tokens) nor "unseen" (unknown)
    assert {flip.word for flip in flips} == words


def test_only_the_words_asked_for_are_exchanged(predictor: Any) -> None:
    assert {flip.index for flip in flips_of(predictor, -1.0).best(attacked_text("a film a plot"), {1, 3}, 50)} == {1, 3}
    assert flips_of(predictor).best(attacked_text("a film"), set(), 50) == []


def test_the_case_is_kept_where_the_model_sees_none(predictor: Any) -> None:
    flips = flips_of(predictor).best(attacked_text("Film"), {0}, 10)
    assert flips
    assert all(flip.word.istitle() for flip in flips)


def byte_level_tokenizer() -> Any:
    """Like RoBERTa's: a word after a space is another token than the same word at the start."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("b", "a"), ("ba", "d"), ("Ġ", "bad"), ("i", "l"), ("f", "il"), ("fil", "m"), ("Ġ", "film"), ("Ġ", "a")]
    vocabulary = ["<s>", "</s>", "<pad>", "<unk>", *letters, *("".join(merge) for merge in merges)]
    tokenizer = Tokenizer(models.BPE({token: row for row, token in enumerate(vocabulary)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>")


def test_words_are_the_tokens_of_their_place(predictor: Any) -> None:
    tokenizer = byte_level_tokenizer()
    opened = WhiteBox(predictor._model, tokenizer, 64)
    assert {"bad", "film", "a"} < set(opened.whole_words())
    names = tokenizer.convert_ids_to_tokens
    assert names(opened.single_tokens(["bad", "film"], "").tolist()) == ["bad", "film"]
    assert names(opened.single_tokens(["bad", "film"], "a ").tolist()) == ["Ġbad", "Ġfilm"]
    assert names(opened.single_tokens(["bad"], "(").tolist()) == ["bad"]
    assert opened.single_tokens(["badfilm", "zz"], "a ").tolist() == [-1, -1]


def test_gradient_ranking_is_by_the_norm_of_the_mean_gradient(predictor: Any) -> None:
    text = "the remake is a good story"
    seen = predictor.white_box().gradient(text)
    rows = [[1], [2, 3], [4], [5], [6], [7]]
    norms = [np.abs(seen.gradient[row].mean(axis=0)).sum() for row in rows]
    expected = sorted((1, 2, 4, 5), key=lambda index: -norms[index])
    assert gradient_ranking(predictor.white_box(), attacked_text(text), {5, 4, 2, 1}) == expected


@pytest.mark.parametrize("name", ["a2t", "hotflip", "hotflip-own-embeddings"])
def test_a_model_without_gradients_is_refused_in_one_line(name: str, nltk_data: Path) -> None:
    with pytest.raises(UserError, match=f"attack '{name}' needs the model's gradients") as caught:
        attacks[name].build(wrap_model(lambda texts: np.zeros((len(texts), 2))))
    assert "\n" not in str(caught.value)


def test_a_slow_tokenizer_is_refused_in_one_line(predictor: Any, tiny_classifier: Path) -> None:
    from transformers import BertTokenizer

    predictor._tokenizer = BertTokenizer.from_pretrained(tiny_classifier)
    with pytest.raises(UserError, match="which characters a token stands for"):
        predictor.white_box()
