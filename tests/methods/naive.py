"""Slow, plain pieces for references written from a formula: BERT from its embedding output on, spelled out."""

import torch


def embedding_output(model, batch):
    """(B, L, d), part of the graph."""
    return model.bert.embeddings(input_ids=batch["input_ids"])


def forward(model, embedding_output, attention_mask):
    """Logits (B, C) of a BERT classifier from its embedding output."""
    hidden = embedding_output
    visible = (1.0 - attention_mask[:, None, None, :].to(hidden.dtype)) * torch.finfo(hidden.dtype).min
    for layer in model.bert.encoder.layer:
        hidden = layer(hidden, visible)[0]
    pooled = torch.tanh(model.bert.pooler.dense(hidden[:, 0]))
    return model.classifier(pooled)


def kl(p, q):
    """KL(p‖q) of two distributions (B, C), one value per example."""
    return (p * (p / q).log()).sum(-1)


def symmetric_kl(p, q):
    """½·(KL(p‖q) + KL(q‖p)), one value per example."""
    return 0.5 * (kl(p, q) + kl(q, p))
