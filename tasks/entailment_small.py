"""Entailment on few pairs: trained on SNLI pairs and their counterfactual revisions, for machines without a GPU."""

from __future__ import annotations

from tasks.base import Role, Task
from tasks.hub_source import HubSource, hub_origin
from tasks.registry import register_task
from tasks.shared_sets import (
    COUNTERFACTUAL_LICENCE,
    ENTAILMENT,
    adversarial_mnli,
    entailment_pairs,
    hub_set,
    mnli_validation,
    multi30k,
    news,
    sst2_sentences,
    two_class_glue,
)


@register_task("entailment-small")
def entailment_small() -> Task:
    """Entailment in 8,330 original and revised SNLI pairs (arXiv 1909.12434); shift to MNLI and RTE; from a mirror."""
    return Task(
        name="entailment-small",
        summary=(entailment_small.__doc__ or "").strip(),
        family="entailment",
        labels=tuple(ENTAILMENT),
        training=_pairs("train"),
        training_origin=hub_origin(_pairs("train")),
        training_sha256="a21729adc42cd64392070d7d4fd654c69ea56af1abecd17e0a8af56c5ad7c38a",
        in_distribution_test="c-snli-test",
        evaluation_sets=(
            hub_set(
                "c-snli-validation",
                Role.IN_DISTRIBUTION,
                _pairs("validation"),
                COUNTERFACTUAL_LICENCE,
                rows=1_000,
                sha256="947abdcd108e1100469e4a933276f8d634bf7428cc69300cf1d620dda2363ade",
            ),
            hub_set(
                "c-snli-test",
                Role.IN_DISTRIBUTION,
                _pairs("test"),
                COUNTERFACTUAL_LICENCE,
                rows=2_000,
                sha256="6ca65f478f7ac10f8c9a09320a90b04dff6f8dc5144b7c51163dc56bf2770654",
            ),
            *mnli_validation(Role.SHIFT),
            two_class_glue(
                "rte",
                "sentence1",
                "sentence2",
                rows=277,
                sha256="5b4a0fdcb50dcf2e16d91eda0a18934161f02de6e1769697b268f9b3d4387923",
            ),
            *adversarial_mnli(),
            multi30k(),
            sst2_sentences(),
            news(),
        ),
    )


def _pairs(split: str) -> HubSource:
    return entailment_pairs(
        "tasksource/counterfactually-augmented-snli",
        "all",
        split,
        only_in_mirror="the hub has the revised pairs alone, not the config 'all' with the original ones",
    )
