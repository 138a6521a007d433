"""What the two variants of Child-Tuning share."""

from __future__ import annotations

PAPER = "Xu et al., Raise a Child in Large Language Model: Towards Effective and Generalizable Fine-tuning, EMNLP 2021"
ARXIV = "2109.05687"
CODE = "https://github.com/alibaba/AliceMind/tree/main/ChildTuning"
CODE_LICENCE = "Apache-2.0"
DECAY = "Weight decay still acts where the gradient is masked, as in the released optimizer."
