import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForSequenceClassification

from benchmark.first_token import FIRST_TOKEN_CLASSIFIED, last_block_for_first_token

SMALL = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": 40,
    "pad_token_id": 1,
}


def classifier(model_type: str, **settings):
    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, **SMALL, num_labels=3, **settings)
    return AutoModelForSequenceClassification.from_config(config).eval()


def batch():
    tokens = torch.randint(2, 50, (5, 11), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(tokens)
    for row, length in enumerate((11, 7, 1, 3, 10)):
        tokens[row, length:], mask[row, length:] = 1, 0
    return {"input_ids": tokens, "attention_mask": mask}


def logits_and_operations(model):
    with torch.inference_mode(), FlopCounterMode(display=False) as counted:
        logits = model(**batch()).logits
    return logits, counted.get_total_flops()


@pytest.mark.parametrize("model_type", FIRST_TOKEN_CLASSIFIED)
def test_logits_are_the_same_with_fewer_operations(model_type):
    model = classifier(model_type)
    whole, all_operations = logits_and_operations(model)
    with last_block_for_first_token(model):
        found, operations = logits_and_operations(model)
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-6)
    assert operations < 0.85 * all_operations


def test_afterwards_the_model_is_as_before():
    model = classifier("bert")
    with last_block_for_first_token(model):
        pass
    assert model.base_model(**batch()).last_hidden_state.shape == (5, 11, 32)


@pytest.mark.parametrize(("model_type", "settings"), [("distilbert", {}), ("gpt2", {}), ("bert", {"is_decoder": True})])
def test_other_models_are_left_as_they_are(model_type, settings):
    model = classifier(model_type, **settings)
    expected = logits_and_operations(model)
    with last_block_for_first_token(model):
        found = logits_and_operations(model)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
