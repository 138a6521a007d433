"""Entailment: trained on MNLI, scored on pairs of other kinds, attacked pairs and texts that are no pairs."""

from __future__ import annotations

from tasks.base import EvaluationSet, Role, Task
from tasks.hub_source import HubSource, hub_origin
from tasks.registry import register_task
from tasks.shared_sets import (
    ENTAILMENT,
    TWO_CLASSES,
    adversarial_mnli,
    entailment_pairs,
    hub_set,
    mnli,
    mnli_validation,
    multi30k,
    newsgroups,
    question_pairs,
    sst2_sentences,
    transfer_set,
    two_class_glue,
    wmt16,
)
from tasks.sources import NoSource

NOT_ON_THE_HUB = (
    "no data set on the hub is known to hold NQ-NLI (arXiv 2104.08731); its pairs are in archives of its authors and "
    "of the published recipe's, which need a download by hand."
)


@register_task("entailment")
def entailment() -> Task:
    """Entailment between two sentences (MNLI), and in pairs of other kinds and attacked pairs."""
    return Task(
        name="entailment",
        summary=(entailment.__doc__ or "").strip(),
        family="entailment",
        labels=tuple(ENTAILMENT),
        training=mnli("train"),
        training_origin=hub_origin(mnli("train")),
        in_distribution_test="mnli-m",
        smaller_task="entailment-small",
        evaluation_sets=(
            *mnli_validation(Role.IN_DISTRIBUTION),
            *_shifted(),
            *_two_class(),
            *_adversarial(),
            wmt16(),
            multi30k(),
            sst2_sentences(),
            newsgroups(),
            question_pairs(),
        ),
    )


def _shifted() -> tuple[EvaluationSet, ...]:
    diagnostics = entailment_pairs(
        "pietrolesci/glue_diagnostics", "default", "test", revision="af4917ab59d978184621369d2508cacb139b159b"
    )
    fever = HubSource(
        dataset="pietrolesci/nli_fever",
        config="default",
        split="dev",
        revision="1eddac63112eee1fdf1966e0bca27a5ff248c772",
        text="hypothesis",
        second_text="premise",
        label="label",
        labels=ENTAILMENT,
    )
    wanli = entailment_pairs(
        "alisawuffles/WANLI", "default", "test", label="gold", revision="61c95318fd71c55b6ba355d76253254615f387ec"
    )
    return (
        hub_set(
            "diagnostics",
            Role.SHIFT,
            diagnostics,
            "none stated",
            rows=1_104,
            note="the pairs of nyu-mll/glue ax, which withholds their labels",
        ),
        hub_set(
            "fever-nli",
            Role.SHIFT,
            fever,
            "none stated",
            rows=19_998,
            note="that data set's column 'premise' holds the claims and 'hypothesis' the evidence; turned round here",
        ),
        hub_set("wanli", Role.SHIFT, wanli, "CC BY 4.0", rows=5_000),
    )


def _two_class() -> tuple[EvaluationSet, ...]:
    hans = HubSource(
        dataset="jhu-cogsci/hans",
        config="plain_text",
        split="validation",
        text="premise",
        second_text="hypothesis",
        label="label",
        labels={"entailment": 0, "non-entailment": 1},
        only_in_mirror="the hub holds a loading script alone, which the datasets library no longer runs",
    )
    return (
        hub_set("hans", Role.SHIFT, hans, "unknown (card)", rows=30_000, projection=TWO_CLASSES),
        two_class_glue("qnli", "question", "sentence", rows=5_463),
        two_class_glue("wnli", "sentence1", "sentence2", rows=71),
        EvaluationSet(
            name="nq-nli",
            role=Role.SHIFT,
            source=NoSource(NOT_ON_THE_HUB),
            origin="NQ-NLI (arXiv 2104.08731); no source is known",
            licence="not known",
            projection=TWO_CLASSES,
        ),
    )


def _adversarial() -> tuple[EvaluationSet, ...]:
    anli = "8e4813d81f46d313dac7892e1c28076917cfcdf9"
    return (
        *(
            hub_set(
                f"anli-{name}",
                Role.ADVERSARIAL,
                entailment_pairs("facebook/anli", "plain_text", f"test_{name}", revision=anli),
                "CC BY-NC 4.0",
                rows=rows,
            )
            for name, rows in (("r1", 1_000), ("r2", 1_000), ("r3", 1_200))
        ),
        *adversarial_mnli(),
        *(
            transfer_set("entailment", f"textfooler-{family}-{genre}")
            for family in ("bert", "roberta")
            for genre in ("mnli-m", "mnli-mm")
        ),
    )
