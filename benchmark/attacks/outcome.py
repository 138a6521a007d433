"""What an attack did, example by example, and the scores that follow from it."""

import io
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmark.attacks.attacked_field import PairField
from benchmark.attacks.registry import Goal
from benchmark.metrics.undefined import UndefinedMetric
from leaderboard.replace_file import replace_file

if TYPE_CHECKING:
    import pyarrow

Outcome = Literal["succeeded", "failed", "skipped"]

INPUTS_KEY = "inputs"
"""Metadata of a Parquet file: what stands for everything that its rows depend on."""


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
        outcome: "succeeded", "failed" (the model held out), or "skipped" (the model was wrong to begin with). An
            attack that shortens texts has succeeded where one word is left and the class is still the same.
        queries: texts that the attack asked the model about, the original included. Asking about the same text
            again counts again, as in TextAttack.
        words_changed: fewest words to replace, insert or delete that turn one text into the other.
        words_left: words of the attacked text; of a pair, those of the attacked field.
        similarity: cosine of the sentence embeddings of the two texts (of a pair, of the attacked field), in
            [-1, 1]; None where the example was skipped, or there is no sentence encoder.
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
    words_left: int
    similarity: float | None = None


@dataclass(frozen=True)
class AttackOutcome:
    """All examples of one attack on one model.

    Attributes:
        attack: name of the attack.
        seed: of the run.
        max_queries: budget per example; None is no limit.
        examples: in the order given, at least one.
        seconds: wall time, without the import of TextAttack; of the last part, where an interrupted run was resumed.
        goal: "misclassification", or "reduction": as few words as possible that keep the predicted class.
        field: which text of a pair was attacked; None for single texts.
    """

    attack: str
    seed: int
    max_queries: int | None
    examples: tuple[AttackedExample, ...]
    seconds: float
    goal: Goal = "misclassification"
    field: PairField | None = None

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
        """Share of all examples that the model still gets right, in [0, 1]; skipped ones count as wrong.

        Raises:
            UndefinedMetric: the goal is not a wrong class.
        """
        if self.goal != "misclassification":
            raise UndefinedMetric("input reduction keeps the predicted class, so it leaves the accuracy as it is")
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

    @property
    def words_changed(self) -> float:
        """Mean over the successful attacks.

        Raises:
            UndefinedMetric: none succeeded.
        """
        return self._mean("words changed", lambda example: example.words_changed, ("succeeded",))

    @property
    def words_left(self) -> float:
        """Mean over the attacked examples, those that the model was wrong on left out.

        Raises:
            UndefinedMetric: every example was skipped.
        """
        return self._mean("words left", lambda example: example.words_left, ("succeeded", "failed"))

    @property
    def queries_per_text(self) -> float:
        """Mean over the attacked examples, those that the model was wrong on left out.

        Raises:
            UndefinedMetric: every example was skipped.
        """
        return self._mean("queries per text", lambda example: example.queries, ("succeeded", "failed"))

    @property
    def similarity(self) -> float:
        """Mean over the successful attacks, in [-1, 1].

        Raises:
            UndefinedMetric: none succeeded, or similarities were not measured.
        """
        return self._mean("similarity", lambda example: example.similarity, ("succeeded",))

    def _mean(
        self, what: str, value_of: Callable[[AttackedExample], float | None], outcomes: tuple[Outcome, ...]
    ) -> float:
        values = [value_of(example) for example in self.examples if example.outcome in outcomes]
        if not values:
            attacked = "no attack succeeded" if outcomes == ("succeeded",) else "the model was wrong on every example"
            raise UndefinedMetric(f"{what} is undefined: {attacked}")
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            raise UndefinedMetric(f"{what} was not measured")
        return math.fsum(known) / len(known)

    def to_table(self, inputs: str = "") -> "pyarrow.Table":
        """One row per example, in order.

        The columns are the attributes of :class:`AttackedExample`; the second text of a pair is in
        `original_second_text` and `attacked_second_text`, null for single texts. What was run is in the schema's
        metadata. The time taken is left out, so that equal runs give equal tables.

        Args:
            inputs: what stands for everything that the examples depend on, for the metadata.
        """
        import pyarrow

        def texts(name: str, part: int) -> "pyarrow.Array":
            values = (getattr(example, name) for example in self.examples)
            pairs = ((value, None) if isinstance(value, str) else value for value in values)
            return pyarrow.array([pair[part] for pair in pairs], pyarrow.string())

        def column(name: str, kind: "pyarrow.DataType") -> "pyarrow.Array":
            return pyarrow.array([getattr(example, name) for example in self.examples], kind)

        whole = pyarrow.int64()
        table = pyarrow.table(
            {
                "position": column("position", whole),
                "original_text": texts("original_text", 0),
                "original_second_text": texts("original_text", 1),
                "attacked_text": texts("attacked_text", 0),
                "attacked_second_text": texts("attacked_text", 1),
                "label": column("label", whole),
                "prediction_before": column("prediction_before", whole),
                "prediction_after": column("prediction_after", whole),
                "outcome": column("outcome", pyarrow.string()),
                "queries": column("queries", whole),
                "words_changed": column("words_changed", whole),
                "words_left": column("words_left", whole),
                "similarity": column("similarity", pyarrow.float64()),
            }
        )
        run = {
            "attack": self.attack,
            "goal": self.goal,
            "seed": str(self.seed),
            "max_queries": "none" if self.max_queries is None else str(self.max_queries),
            "field": self.field or "none",
        }
        return table.replace_schema_metadata({**run, **({INPUTS_KEY: inputs} if inputs else {})})

    def write_parquet(self, path: Path, inputs: str = "") -> None:
        """Write :meth:`to_table` as Parquet, whole or not at all; equal outcomes give equal bytes under one pyarrow."""
        import pyarrow.parquet

        content = io.BytesIO()
        pyarrow.parquet.write_table(self.to_table(inputs), content)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content.getvalue())


def read_examples(path: Path, inputs: str) -> tuple[AttackedExample, ...]:
    """The examples of a finished attack; none where there is no such file, or it came about from other inputs."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowException):
        return ()
    if (table.schema.metadata or {}).get(INPUTS_KEY.encode()) != inputs.encode():
        return ()
    return tuple(_example(row) for row in table.to_pylist())


def _example(row: dict[str, Any]) -> AttackedExample:
    for name in ("original", "attacked"):
        second = row.pop(f"{name}_second_text")
        if second is not None:
            row[f"{name}_text"] = (row[f"{name}_text"], second)
    return AttackedExample(**row)
