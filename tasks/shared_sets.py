"""Evaluation sets and columns that more than one task uses, and how a set's card is written from its source.

Revisions are commits of the data sets' repositories on the hub. Columns, label names and row counts are those of the
data sets' cards; a note says where a card could not be had or is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tasks.base import EvaluationSet, Projection, Role
from tasks.hub_source import HubSource, hub_origin
from tasks.sources import Source
from tasks.transfer_set import TransferSet

GLUE = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"
ADVERSARIAL_GLUE = "e1abda026f687e917a8d9895469194736ebe872c"
SST2 = "8d51e7e4887a4caaa95b3fbebbf53c0490b58bbb"

POLARITY: Mapping[str, int] = MappingProxyType({"negative": 0, "positive": 1})
ENTAILMENT: Mapping[str, int] = MappingProxyType({"entailment": 0, "neutral": 1, "contradiction": 2})

TWO_CLASSES = Projection(labels=("entailment", "not-entailment"), groups=((0,), (1, 2)))
"""Sets that only tell whether the premise entails the hypothesis: neutral and contradiction are one class."""

GLUE_LICENCE = "other: GLUE names no licence of its own; each corpus keeps its terms"
ADVERSARIAL_GLUE_LICENCE = "CC BY-SA 4.0"
COUNTERFACTUAL_LICENCE = "Apache-2.0 (the authors' repository); the texts keep the terms of their corpora"


def hub_set(name: str, role: Role, source: Source, licence: str, **card: Any) -> EvaluationSet:
    """An evaluation set from the hub; its card's origin is what the source says.

    Args:
        name: the set's name.
        role: what it is for.
        source: where it comes from.
        licence: what the data set's card states.
        **card: any further field of `EvaluationSet`.
    """
    return EvaluationSet(name=name, role=role, source=source, origin=hub_origin(source), licence=licence, **card)


def glue(config: str, split: str, **columns: Any) -> HubSource:
    """A split of GLUE (arXiv 1804.07461)."""
    return HubSource(dataset="nyu-mll/glue", config=config, split=split, revision=GLUE, **columns)


def entailment_pairs(dataset: str, config: str, split: str, *, label: str = "label", **source: Any) -> HubSource:
    """Labelled pairs of a data set with columns premise and hypothesis and the three classes' names."""
    return HubSource(
        dataset=dataset,
        config=config,
        split=split,
        text="premise",
        second_text="hypothesis",
        label=label,
        labels=ENTAILMENT,
        **source,
    )


def mnli(split: str) -> HubSource:
    """Labelled pairs of MNLI (arXiv 1704.05426)."""
    return entailment_pairs("nyu-mll/glue", "mnli", split, revision=GLUE)


def mnli_validation(role: Role) -> tuple[EvaluationSet, ...]:
    """MNLI's validation splits: of the training data's genres (m) and of others (mm)."""
    return (
        hub_set("mnli-m", role, mnli("validation_matched"), GLUE_LICENCE, rows=9_815),
        hub_set("mnli-mm", role, mnli("validation_mismatched"), GLUE_LICENCE, rows=9_832),
    )


def two_class_glue(name: str, first: str, second: str, rows: int, sha256: str | None = None) -> EvaluationSet:
    """A two-class GLUE set's validation split; labels by name, since WNLI's codes are the other way round."""
    labels: Mapping[str, int] = {"entailment": 0, "not_entailment": 1}
    source = glue(name, "validation", text=first, second_text=second, label="label", labels=labels)
    return hub_set(name, Role.SHIFT, source, GLUE_LICENCE, rows=rows, sha256=sha256, projection=TWO_CLASSES)


def sst2(split: str) -> HubSource:
    """Labelled sentences of SST-2 (Socher et al., EMNLP 2013), as in GLUE."""
    return HubSource(
        dataset="stanfordnlp/sst2",
        config="default",
        split=split,
        revision=SST2,
        text="sentence",
        label="label",
        labels=POLARITY,
    )


def adversarial_glue(config: str, **columns: Any) -> HubSource:
    """The published part of Adversarial GLUE (arXiv 2111.02840): its validation split."""
    return HubSource(
        dataset="AI-Secure/adv_glue",
        config=config,
        split="validation",
        revision=ADVERSARIAL_GLUE,
        label="label",
        **columns,
    )


def adversarial_mnli() -> tuple[EvaluationSet, ...]:
    """Adversarial GLUE's MNLI pairs, matched and mismatched."""
    return tuple(
        hub_set(
            name,
            Role.ADVERSARIAL,
            adversarial_glue(config, text="premise", second_text="hypothesis", labels=ENTAILMENT),
            ADVERSARIAL_GLUE_LICENCE,
            rows=rows,
        )
        for name, config, rows in (
            ("advglue-mnli", "adv_mnli", 121),
            ("advglue-mnli-mm", "adv_mnli_mismatched", 162),
        )
    )


def transfer_set(task: str, name: str) -> EvaluationSet:
    """TextFooler's successful texts against a vanilla model of one family, made here."""
    return EvaluationSet(
        name=name,
        role=Role.ADVERSARIAL,
        source=TransferSet(task=task, name=name),
        origin="made here by roast-bench attack --save-set; the file says by which model, recipe and seed",
        licence="that of the attacked texts",
        note="the published set is no part of any hub data set; its texts are of other models than yours",
    )


def wmt16() -> EvaluationSet:
    """English news sentences of the WMT 2016 translation task, as anomalies."""
    source = HubSource(
        dataset="wmt/wmt16",
        config="de-en",
        split="test",
        revision="41d8a4013aa1489f28fea60ec0932af246086482",
        text="translation.en",
    )
    return hub_set("wmt16", Role.ANOMALY, source, "unknown (card)", rows=2_999, note="the English side")


def multi30k() -> EvaluationSet:
    """English image captions of Multi30k's 2016 Flickr test (arXiv 1605.00459), as anomalies."""
    source = HubSource(
        dataset="bentrevett/multi30k",
        config="default",
        split="test",
        revision="4589883f3d09d4ef6361784e03f0ead219836469",
        text="en",
    )
    return hub_set("multi30k", Role.ANOMALY, source, "none stated; the images are for research only", rows=1_000)


def newsgroups() -> EvaluationSet:
    """Postings to twenty newsgroups, as anomalies."""
    source = HubSource(
        dataset="SetFit/20_newsgroups",
        config="default",
        split="test",
        revision="f1b91292074e7cfb69be58b642d583ec262f30ed",
        text="text",
        skip_blank=True,
    )
    note = "headers, quotes and footers are removed there; postings of which nothing is left are not used"
    return hub_set("20news", Role.ANOMALY, source, "none stated", note=note)


def question_pairs() -> EvaluationSet:
    """Quora's question pairs, each as one text, as anomalies."""
    source = glue("qqp", "validation", text="question1", joined_with="question2")
    return hub_set("qqp", Role.ANOMALY, source, GLUE_LICENCE, rows=40_430, note="both questions as one text")


def sst2_sentences() -> EvaluationSet:
    """Sentences of film reviews without their labels, as anomalies."""
    return hub_set(
        "sst2",
        Role.ANOMALY,
        HubSource(dataset="stanfordnlp/sst2", config="default", split="validation", revision=SST2, text="sentence"),
        "unknown (card)",
        rows=872,
        sha256="35673e45d4479cb937728346dea6c51af1af7d4f1410e2e30db2dc5dbc0bb83b",
    )


def news() -> EvaluationSet:
    """AG's news (Zhang et al., arXiv 1509.01626), as anomalies."""
    source = HubSource(
        dataset="fancyzhx/ag_news",
        config="default",
        split="test",
        revision="eb185aade064a813bc0b7f42de02595523103ca4",
        text="text",
    )
    return hub_set("ag-news", Role.ANOMALY, source, "unknown (card); non-commercial research (corpus)", rows=7_600)
