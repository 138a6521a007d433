"""What an attack did, example by example, and the scores that follow from it."""

import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmark.metrics.undefined import UndefinedMetric
from leaderboard.replace_file import replace_file

if TYPE_CHECKING:
    import pyarrow

Outcome = Literal["succeeded", "failed", "skipped"]


@dataclass(frozen=True)
class AttackedExample:
    """One example under attack.

    Attributes:
        position: of the example in its data, from 0.
        original_text: the text, or the pair of texts, as given.
        attacked_text: the text found by a successful attack; after a failed one, its best try; the original text
            where the example was skipped.
        label: the true class.
        prediction_before: the class predicted for the original text.
        prediction_after: the class predicted for the attacked text.
        outcome: "succeeded", "failed" (the model held out), or "skipped" (the model was wrong to begin with).
        queries: texts that the attack asked the model about, the original included. Asking about the same text
            again counts again, as in TextAttack.
        words_changed: positions at which the words of the two texts differ.
    """

    position: int
    original_text: str | tuple[str, str]
    attacked_text: str | tuple[str, str]
    label: int
    prediction_before: int
    prediction_after: int
    outcome: Outcome
    queries: int
    words_changed: int


@dataclass(frozen=True)
class AttackOutcome:
    """All examples of one attack on one model.

    Attributes:
        attack: name of the attack.
        seed: of the run.
        max_queries: budget per example; None is no limit.
        examples: in the order given, at least one.
        seconds: wall time, without the import of TextAttack.
    """

    attack: str
    seed: int
    max_queries: int | None
    examples: tuple[AttackedExample, ...]
    seconds: float

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many examples had each outcome."""
        found = Counter(example.outcome for example in self.examples)
        return {"succeeded": found["succeeded"], "failed": found["failed"], "skipped": found["skipped"]}

    @property
    def queries(self) -> int:
        """Queries over all examples."""
        return sum(example.queries for example in self.examples)

    @property
    def accuracy_under_attack(self) -> float:
        """Share of all examples that the model still gets right, in [0, 1]; skipped ones count as wrong."""
        return self.counts["failed"] / len(self.examples)

    @property
    def attack_success_rate(self) -> float:
        """Share of the attacked examples that the attack turned, in [0, 1].

        Raises:
            UndefinedMetric: every example was skipped.
        """
        attacked = self.counts["succeeded"] + self.counts["failed"]
        if attacked == 0:
            raise UndefinedMetric(
                "attack success rate is undefined: the model was wrong on every example before the attack"
            )
        return self.counts["succeeded"] / attacked

    def to_table(self) -> "pyarrow.Table":
        """One row per example, in order.

        The columns are the attributes of :class:`AttackedExample`; the second text of a pair is in
        `original_second_text` and `attacked_second_text`, null for single texts. Attack, seed and budget are in the
        schema's metadata. The time taken is left out, so that equal runs give equal tables.
        """
        import pyarrow

        def texts(name: str, part: int) -> list[str | None]:
            values = (getattr(example, name) for example in self.examples)
            pairs = ((value, None) if isinstance(value, str) else value for value in values)
            return [pair[part] for pair in pairs]

        def numbers(name: str) -> "pyarrow.Array":
            return pyarrow.array([getattr(example, name) for example in self.examples], pyarrow.int64())

        table = pyarrow.table(
            {
                "position": numbers("position"),
                "original_text": pyarrow.array(texts("original_text", 0), pyarrow.string()),
                "original_second_text": pyarrow.array(texts("original_text", 1), pyarrow.string()),
                "attacked_text": pyarrow.array(texts("attacked_text", 0), pyarrow.string()),
                "attacked_second_text": pyarrow.array(texts("attacked_text", 1), pyarrow.string()),
                "label": numbers("label"),
                "prediction_before": numbers("prediction_before"),
                "prediction_after": numbers("prediction_after"),
                "outcome": pyarrow.array([example.outcome for example in self.examples], pyarrow.string()),
                "queries": numbers("queries"),
                "words_changed": numbers("words_changed"),
            }
        )
        budget = "none" if self.max_queries is None else str(self.max_queries)
        return table.replace_schema_metadata({"attack": self.attack, "seed": str(self.seed), "max_queries": budget})

    def write_parquet(self, path: Path) -> None:
        """Write :meth:`to_table` as Parquet, whole or not at all; equal outcomes give equal bytes under one pyarrow."""
        import pyarrow.parquet

        content = io.BytesIO()
        pyarrow.parquet.write_table(self.to_table(), content)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content.getvalue())
