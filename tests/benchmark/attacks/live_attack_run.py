"""A live attack on the tiny classifier, for tests in this process and, to be killed there, in another."""

import os
import sys
from pathlib import Path
from typing import Any

from attack_sentences import SENTENCES

from benchmark.live_attacks import attack
from benchmark.progress import Reporter
from benchmark.suite import AttackSettings
from leaderboard.record import AttackResult
from tasks import EvaluationSet, Examples, PackageSource, Role, Task
from tasks.loading import LoadedEvaluation, Part

TEXTS = (*SENTENCES, "great story", "the picture is bad and the plot is dull", "a poor film", "an actress")
LABELS = (0, 1, 0, 0, 1, 1, 0, 0)
PREMISES = tuple(f"a lovely {text}" for text in TEXTS)


def loaded(examples: Examples) -> LoadedEvaluation:
    task = Task(
        name="toy",
        summary="Toy.",
        family="sentiment",
        labels=("negative", "positive"),
        training=PackageSource(package="none", read=lambda: examples),
        training_origin="made up",
        in_distribution_test="test",
        evaluation_sets=(
            EvaluationSet(
                name="test",
                role=Role.IN_DISTRIBUTION,
                source=PackageSource(package="none", read=lambda: examples),
                origin="made up",
                licence="none",
            ),
        ),
    )
    return LoadedEvaluation(task=task, evaluation={"test": Part(examples, len(examples), False)}, missing={})


def predictor_at(classifier: Path, max_length: int = 64) -> Any:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from benchmark.prediction import Predictor

    torch.set_num_threads(1)
    model = AutoModelForSequenceClassification.from_pretrained(classifier)
    with torch.no_grad():
        model.classifier.bias[1] -= 0.9  # as it is, it predicts class 1 whatever the text
    return Predictor(model, AutoTokenizer.from_pretrained(classifier), max_length)


def attacked(
    classifier: Path, folder: Path, *, pairs: bool = False, max_length: int = 64, **changes: Any
) -> AttackResult:
    settings = AttackSettings.model_validate({"recipe": "deepwordbug", "examples": 8, "max_queries": 30, **changes})
    examples = Examples(PREMISES, TEXTS, LABELS) if pairs else Examples(TEXTS, None, LABELS)
    predictor = predictor_at(classifier, max_length)
    return attack(settings, [settings], loaded(examples), predictor, folder, Reporter())


def die_after(examples: int) -> None:
    """End this process, as a power cut would, while the line after so many examples is being written."""
    from benchmark.attacks.journal import Journal

    add = Journal.add
    done = 0

    def add_or_die(self: Journal, example: Any) -> None:
        nonlocal done
        if done == examples:
            with self._path.open("ab") as file:
                file.write(b'{"position": 3, "original_te')
            os._exit(9)
        add(self, example)
        done += 1

    Journal.add = add_or_die  # type: ignore[method-assign]


if __name__ == "__main__":
    die_after(int(sys.argv[3]))
    attacked(Path(sys.argv[1]), Path(sys.argv[2]))
