"""A task of one's own, from files: what does a customer write about?

roast-bench run --plugin examples/own_task.py --task support-tickets --method vanilla,roast --learning-rate 1e-4

The made-up tickets lie beside this file. A label is written by its name, as here, or as its number.
"""

from pathlib import Path

from tasks import EvaluationSet, FileSource, Role, Task, register_task

FOLDER = Path(__file__).parent / "support_tickets"
LABELS = ("billing", "technical", "delivery")
CARD = {"origin": "made up for this example", "licence": "Apache-2.0"}


@register_task("support-tickets")
def support_tickets():
    """What a support ticket is about; shift to chat messages; sentences about anything else as anomalies."""
    return Task(
        name="support-tickets",
        summary=support_tickets.__doc__,
        family="sentiment",
        labels=LABELS,
        training=FileSource(path=FOLDER / "train.csv", labels=LABELS),
        training_origin=CARD["origin"],
        in_distribution_test="tickets",
        evaluation_sets=(
            EvaluationSet(
                name="tickets",
                role=Role.IN_DISTRIBUTION,
                source=FileSource(path=FOLDER / "test.csv", labels=LABELS),
                **CARD,
            ),
            EvaluationSet(
                name="chat",
                role=Role.SHIFT,
                source=FileSource(path=FOLDER / "chat.csv", text="message", labels=LABELS),
                **CARD,
            ),
            EvaluationSet(
                name="other",
                role=Role.ANOMALY,
                source=FileSource(path=FOLDER / "other.jsonl", labelled=False),
                **CARD,
            ),
        ),
    )
