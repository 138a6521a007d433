"""The smallest configuration of each architecture that methods are tested on."""

from transformers import (
    AlbertConfig,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    ModernBertConfig,
    PretrainedConfig,
    RobertaConfig,
    XLNetConfig,
)

VOCABULARY = 60
PADDING = 0


def tiny_configurations() -> dict[str, PretrainedConfig]:
    """Smallest useful configuration of each architecture, without dropout."""
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    common = {"vocab_size": VOCABULARY, "pad_token_id": PADDING, "num_labels": 2}
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return {
        "bert": BertConfig(**shape, **common, **still, attn_implementation="eager"),
        "roberta": RobertaConfig(**shape, **common, **still, max_position_embeddings=64),
        "distilbert": DistilBertConfig(
            dim=16,
            n_layers=2,
            n_heads=2,
            hidden_dim=32,
            **common,
            dropout=0.0,
            attention_dropout=0.0,
            seq_classif_dropout=0.0,
        ),
        "albert": AlbertConfig(**shape, **common, **still, embedding_size=8, classifier_dropout_prob=0.0),
        "electra": ElectraConfig(**shape, **common, **still, embedding_size=8),
        "deberta-v2": DebertaV2Config(**shape, **common, **still, relative_attention=True, pos_att_type=["c2p", "p2c"]),
        "xlnet": XLNetConfig(
            d_model=16, n_layer=2, n_head=2, d_inner=32, dropout=0.0, summary_last_dropout=0.0, **common
        ),
        "gpt2": GPT2Config(
            n_embd=16,
            n_layer=2,
            n_head=2,
            n_positions=64,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=1,
            eos_token_id=1,
            **common,
        ),
        "modernbert": ModernBertConfig(
            **shape,
            **common,
            global_attn_every_n_layers=1,
            bos_token_id=1,
            eos_token_id=1,
            cls_token_id=1,
            sep_token_id=1,
            attn_implementation="eager",
            reference_compile=False,
        ),
    }
