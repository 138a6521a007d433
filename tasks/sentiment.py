"""Sentiment: trained on SST-2, scored on reviews and verse, on attacked sentences, and against unrelated texts."""

from __future__ import annotations

from tasks.base import EvaluationSet, Role, Task
from tasks.hub_source import HubSource, hub_origin
from tasks.registry import register_task
from tasks.shared_sets import (
    ADVERSARIAL_GLUE_LICENCE,
    COUNTERFACTUAL_LICENCE,
    GLUE_LICENCE,
    POLARITY,
    adversarial_glue,
    glue,
    hub_set,
    multi30k,
    newsgroups,
    question_pairs,
    sst2,
    transfer_set,
    wmt16,
)
from tasks.sources import Joined

AMAZON_SAMPLE = 20_000
SPLITS = ("train", "validation", "test")


@register_task("sentiment")
def sentiment() -> Task:
    """Sentiment of film reviews (SST-2), and of reviews, verse and attacked sentences from elsewhere."""
    return Task(
        name="sentiment",
        summary=(sentiment.__doc__ or "").strip(),
        family="sentiment",
        labels=("negative", "positive"),
        training=sst2("train"),
        training_origin=hub_origin(sst2("train")),
        training_sha256="1b66becdb461730bf009245473e44fb887893a00e5b039e7c1e917139e1578bf",
        in_distribution_test="sst2",
        evaluation_sets=(
            hub_set(
                "sst2",
                Role.IN_DISTRIBUTION,
                sst2("validation"),
                "unknown (card)",
                rows=872,
                sha256="1c6c6975da3bef0333b6580df4ba4496f8d92f0b64d8bcae8af73121abd3e11b",
            ),
            *_shifted(),
            *_adversarial(),
            *_anomalies(),
        ),
    )


def _shifted() -> tuple[EvaluationSet, ...]:
    # Not Rotten Tomatoes: most of its sentences are SST-2's.
    yelp = HubSource(
        dataset="Yelp/yelp_review_full",
        config="yelp_review_full",
        split="test",
        revision="c1f9ee939b7d05667af864ee1cb066393154bf85",
        text="text",
        label="label",
        labels={"1 star": 0, "5 stars": 1},
        left_out=("2 star", "3 stars", "4 stars"),  # "2 star" is the hub's spelling
    )
    imdb = HubSource(
        dataset="stanfordnlp/imdb",
        config="plain_text",
        mirror_config="default",
        split="test",
        revision="e6281661ce1c48d982bc483cf8a173c1bbeb5d31",
        text="text",
        label="label",
        labels={"neg": 0, "pos": 1},
    )
    revised_imdb = Joined(
        parts=tuple(
            HubSource(
                dataset="tasksource/counterfactually-augmented-imdb",
                config="default",
                split=split,
                revision="fd42efb815508d02beb7d478eae41a8a2e7100a3",
                text="Text",
                label="Sentiment",
                labels={"Negative": 0, "Positive": 1},
            )
            for split in SPLITS
        )
    )
    poem = Joined(
        parts=tuple(
            HubSource(
                dataset="google-research-datasets/poem_sentiment",
                config="default",
                split=split,
                text="verse_text",
                label="label",
                labels=POLARITY,
                left_out=("no_impact", "mixed"),
            )
            for split in SPLITS
        )
    )
    amazon = HubSource(
        dataset="fancyzhx/amazon_polarity",
        config="amazon_polarity",
        split="test",
        revision="9d9c45c18f8c3cf1b23a3c27917b60cbf28f3289",
        text="title",
        joined_with="content",
        label="label",
        labels=POLARITY,
    )
    return (
        hub_set("yelp", Role.SHIFT, yelp, "other: Yelp's data set terms", rows=20_000, note="1 and 5 stars alone"),
        hub_set("imdb", Role.SHIFT, imdb, "other (card)", rows=25_000),
        hub_set(
            "c-imdb",
            Role.SHIFT,
            revised_imdb,
            COUNTERFACTUAL_LICENCE,
            rows=2_440,
            note="the revised reviews (arXiv 1909.12434); all splits, as nothing is trained on them",
        ),
        hub_set(
            "poem",
            Role.SHIFT,
            poem,
            "CC BY 4.0",
            rows=359,
            note="negative and positive verse (arXiv 2011.02686); all splits, as nothing is trained on them",
        ),
        hub_set(
            "amazon",
            Role.SHIFT,
            amazon,
            "Apache-2.0 (card)",
            rows=400_000,
            sample_size=AMAZON_SAMPLE,
            note=f"title and review as one text; a fixed sample of {AMAZON_SAMPLE:,} of the 400,000",
        ),
    )


def _adversarial() -> tuple[EvaluationSet, ...]:
    dynasent = {
        name: HubSource(
            dataset="dynabench/dynasent",
            config=f"dynabench.dynasent.{name}.all",
            split="test",
            revision="d1e2d5e619bb78fb6dc4d548108c50cb65b8d78c",
            text="sentence",
            label="gold_label",
            labels=POLARITY,
            left_out=("neutral", "mixed", None),
            only_in_mirror="the hub holds a loading script alone, which the datasets library no longer runs",
        )
        for name in ("r1", "r2")
    }
    return (
        hub_set(
            "advglue-sst2",
            Role.ADVERSARIAL,
            adversarial_glue("adv_sst2", text="sentence", labels=POLARITY),
            ADVERSARIAL_GLUE_LICENCE,
            rows=148,
        ),
        *(
            hub_set(
                f"dynasent-{name}",
                Role.ADVERSARIAL,
                source,
                "CC BY 4.0",
                note="neutral, mixed and undecided sentences are left out (arXiv 2012.15349)",
            )
            for name, source in dynasent.items()
        ),
        transfer_set("sentiment", "textfooler-bert"),
        transfer_set("sentiment", "textfooler-roberta"),
    )


def _anomalies() -> tuple[EvaluationSet, ...]:
    return (
        wmt16(),
        multi30k(),
        newsgroups(),
        question_pairs(),
        *(
            hub_set(
                name,
                Role.ANOMALY,
                glue("mnli", split, text="premise", joined_with="hypothesis"),
                GLUE_LICENCE,
                rows=rows,
                note="premise and hypothesis as one text",
            )
            for name, split, rows in (
                ("mnli-m", "validation_matched", 9_815),
                ("mnli-mm", "validation_mismatched", 9_832),
            )
        ),
    )
