import copy

import pytest
import torch
from transformers import AlbertConfig, BertConfig, BertForSequenceClassification
from transformers.models.albert import AlbertForSequenceClassification

from benchmark.parameter_deviation import parameter_deviation

SHAPE = {"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}


def norm(parameters: list[torch.Tensor]) -> float:
    return float(torch.cat([parameter.flatten() for parameter in parameters]).double().norm())


def test_relative_distance_of_each_layer() -> None:
    before = BertForSequenceClassification(BertConfig(**SHAPE))
    after = copy.deepcopy(before)
    with torch.no_grad():
        for parameter in after.bert.encoder.layer[1].parameters():
            parameter.add_(torch.randn_like(parameter))
        after.bert.embeddings.word_embeddings.weight.mul_(1.5)
        after.classifier.weight.zero_()
    found = parameter_deviation(after, before)
    assert found is not None
    moved = [
        there.detach() - here.detach()
        for here, there in zip(
            before.bert.encoder.layer[1].parameters(), after.bert.encoder.layer[1].parameters(), strict=True
        )
    ]
    original = [parameter.detach() for parameter in before.bert.encoder.layer[1].parameters()]
    assert found.layers == (0.0, pytest.approx(norm(moved) / norm(original), rel=1e-6))
    tables = before.bert.embeddings
    words = tables.word_embeddings.weight.detach()
    others = [tables.position_embeddings.weight.detach(), tables.token_type_embeddings.weight.detach()]
    assert found.embeddings == pytest.approx(norm([0.5 * words]) / norm([words, *others]), rel=1e-6)


def test_a_shared_block_is_one_layer() -> None:
    model = AlbertForSequenceClassification(AlbertConfig(**SHAPE, embedding_size=8))
    found = parameter_deviation(model, copy.deepcopy(model))
    assert found is not None
    assert found.layers == (0.0,)


def test_what_only_one_model_has_plays_no_part() -> None:
    before = BertForSequenceClassification(BertConfig(**SHAPE))
    after = copy.deepcopy(before)
    after.bert.encoder.layer[0].register_parameter("adapter", torch.nn.Parameter(torch.ones(3)))
    found = parameter_deviation(after, before)
    assert found is not None
    assert found.layers == (0.0, 0.0)


def test_none_where_there_are_no_blocks() -> None:
    assert parameter_deviation(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)) is None
