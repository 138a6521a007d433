"""A method and a task of one's own; copied to a file outside the repository by the tests."""

from methods import Method, hyper_parameter, register
from tasks import EvaluationSet, Examples, PackageSource, Role, Task, register_task

GOOD = ["fine", "good", "great", "lovely", "superb"]
BAD = ["awful", "bad", "dull", "poor", "weak"]


@register("half-loss")
class HalfLoss(Method):
    """Half of the cross-entropy."""

    share: float = hyper_parameter(0.5, gt=0, le=1, description="factor", source="none")

    def loss(self, model, batch):
        return self.share * model(**batch).loss


def sentences(start, size, ending):
    texts, labels = [], []
    for number in range(start, start + size):
        label = number % 2
        words = (BAD, GOOD)[label]
        opinion = f"the film is {words[number % 5]} and {words[(number // 5) % 5]}"
        texts.append(f"{opinion} {ending * (1 + number % 3)} {'very ' * (number // 25)}".strip())
        labels.append(label)
    return PackageSource(package="none", read=lambda: Examples(tuple(texts), labels=tuple(labels)))


ODD = PackageSource(package="none", read=lambda: Examples(("matrix tensor", "gradient kernel matrix", "tensor")))
CARD = {"origin": "made up", "licence": "none"}


@register_task("tiny")
def tiny():
    """Made-up sentences."""
    return Task(
        name="tiny",
        summary="Made-up sentences.",
        family="sentiment",
        labels=("negative", "positive"),
        training=sentences(0, 120, "plot"),
        training_origin="made up",
        in_distribution_test="test",
        evaluation_sets=(
            EvaluationSet(name="test", role=Role.IN_DISTRIBUTION, source=sentences(200, 40, "plot"), **CARD),
            EvaluationSet(name="other", role=Role.SHIFT, source=sentences(300, 30, "a film"), **CARD),
            EvaluationSet(name="odd", role=Role.ANOMALY, source=ODD, **CARD),
        ),
    )
