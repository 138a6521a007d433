"""Sequence classifiers as somebody else makes them: plain transformers and torch, nothing of this package."""

from __future__ import annotations

from pathlib import Path

import torch

WORDS = {"negative": ["awful", "bad", "dull", "poor", "weak"], "positive": ["fine", "good", "great", "lovely"]}


def fine_tuned(backbone: Path, folder: Path, names: list[str], steps: int = 60, seed: int = 0) -> Path:
    """A classifier of sentiment in a folder; ``names`` are its classes, in the order of its logits.

    A class is learnt from the words of the sentiment that its name begins like.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    model = AutoModelForSequenceClassification.from_pretrained(
        backbone, num_labels=len(names), id2label=dict(enumerate(names)), label2id={n: i for i, n in enumerate(names)}
    )
    texts, labels = [], []
    for index, name in enumerate(names):
        words = next((words for key, words in WORDS.items() if name.lower().startswith(key[:3])), ["film", "plot"])
        texts += [f"the film is {word}" for word in words]
        labels += [index] * len(words)
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model.train()
    for _ in range(steps):
        loss = model(**batch, labels=torch.tensor(labels)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
