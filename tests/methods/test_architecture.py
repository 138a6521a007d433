import pytest
import torch
from tiny_architectures import tiny_configurations
from torch import nn
from transformers import BartConfig, BartForSequenceClassification, FlaubertConfig, FlaubertForSequenceClassification

from methods.architecture import (
    classified_tokens,
    encoder_parameters,
    head_parameters,
    output_layer,
    read_embedding_output,
    read_final_states,
    replace_embedding_output,
    transformer_blocks,
)

ARCHITECTURES = sorted(tiny_configurations())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_replacing_the_embedding_output_by_itself_changes_nothing(tiny_model, batch, architecture):
    model = tiny_model(architecture).eval()
    with read_embedding_output(model) as seen:
        expected = model(**batch).logits
    with replace_embedding_output(model, seen.value.detach()):
        # Other tokens, same mask: the logits can only come from the replaced embeddings.
        other = {**batch, "input_ids": torch.where(batch["attention_mask"] == 1, 1 + batch["input_ids"] % 50, 0)}
        found = model(**other).logits
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loss_has_a_gradient_at_the_embedding_output(tiny_model, batch, architecture):
    model = tiny_model(architecture)
    with read_embedding_output(model) as seen:
        loss = model(**batch).loss
    (gradient,) = torch.autograd.grad(loss, seen.value)
    assert gradient.shape == seen.value.shape
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_encoder_parameters_leave_out_embeddings_and_head(tiny_model, architecture):
    model = tiny_model(architecture)
    names = set(encoder_parameters(model))
    assert names
    for part in (
        "embeddings",
        "classifier",
        "pooler",
        "score",
        "wte",
        "wpe",
        "logits_proj",
        "word_embedding",
        "head.dense",
    ):
        assert not [name for name in names if part in name]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_head_parameters_are_those_that_the_base_model_lacks(tiny_model, architecture):
    model = tiny_model(architecture)
    base = {id(parameter) for parameter in model.base_model.parameters()}
    assert set(head_parameters(model)) == {n for n, p in model.named_parameters() if id(p) not in base}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_output_layer_gives_the_logits(tiny_model, batch, architecture):
    model = tiny_model(architecture).eval()
    expected = model(**batch).logits
    layer = output_layer(model)
    with torch.no_grad():
        layer.weight.mul_(3.0)
        if layer.bias is not None:
            layer.bias.mul_(3.0)
    torch.testing.assert_close(model(**batch).logits, 3.0 * expected)


# Other heads than GPT-2's read the first or the last position whatever the mask says.
@pytest.mark.parametrize(("architecture", "padding"), [*((name, "right") for name in ARCHITECTURES), ("gpt2", "left")])
def test_states_are_batch_first_and_the_classified_token_is_the_one_the_logits_depend_on(
    tiny_model, batch, architecture, padding
):
    if padding == "left":
        lengths = batch["attention_mask"].sum(1)
        width = batch["attention_mask"].shape[1]
        rolled = [torch.arange(width).roll(int(width - length)) for length in lengths]
        batch = {**batch, "input_ids": torch.stack([i[r] for i, r in zip(batch["input_ids"], rolled, strict=True)])}
        batch["attention_mask"] = torch.stack([m[r] for m, r in zip(batch["attention_mask"], rolled, strict=True)])
        assert batch["attention_mask"][1, 0] == 0
    model = tiny_model(architecture)
    with read_embedding_output(model) as first, read_final_states(model) as last:
        logits = model(**batch).logits
    assert first.value.shape[:2] == last.value.shape[:2] == batch["input_ids"].shape
    (gradient,) = torch.autograd.grad(logits.square().sum(), last.value)
    used = gradient.abs().sum(-1) > 0
    assert used.sum(1).tolist() == [1] * len(used)
    assert used.long().argmax(1).tolist() == classified_tokens(model, batch["attention_mask"]).tolist()


def test_blocks_of_bert_are_its_layers(tiny_model):
    model = tiny_model("bert")
    assert transformer_blocks(model) is model.bert.encoder.layer


def test_hooks_are_gone_after_an_error(tiny_model, batch):
    model = tiny_model("bert")
    with pytest.raises(ValueError, match="shape"), replace_embedding_output(model, torch.zeros(1, 1, 1)):
        model(**batch)
    model(**batch)


def test_frozen_embeddings_still_give_a_gradient(tiny_model, batch):
    model = tiny_model("bert")
    model.bert.embeddings.requires_grad_(False)
    with read_embedding_output(model) as seen:
        loss = model(**batch).loss
    (gradient,) = torch.autograd.grad(loss, seen.value)
    assert gradient.abs().sum() > 0


def test_encoder_decoder_is_refused():
    model = BartForSequenceClassification(
        BartConfig(
            vocab_size=60,
            d_model=16,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            max_position_embeddings=32,
        )
    )
    with pytest.raises(ValueError, match="BartForSequenceClassification: encoder-decoder"):
        transformer_blocks(model)


def test_model_without_a_list_of_blocks_is_refused():
    parallel_lists = FlaubertForSequenceClassification(
        FlaubertConfig(n_words=60, vocab_size=60, emb_dim=16, n_layers=2, n_heads=2)
    )
    for model in (parallel_lists, nn.Linear(3, 2)):
        with pytest.raises(ValueError, match="blocks cannot be located"):
            transformer_blocks(model)
