"""Whether a method can fine-tune a backbone, found out without weights before anything is trained."""

from __future__ import annotations

from benchmark.backbones import empty_classifier
from benchmark.errors import UserError
from benchmark.plan import Cell


def check_method(cell: Cell) -> None:
    """Let the cell's method prepare a classifier of the backbone's shape that holds no weights.

    Raises:
        UserError: the method cannot work on this backbone, or lacks a package; one line says why.
    """
    model = empty_classifier(cell.backbone, len(cell.task.labels))
    try:
        cell.build_method().prepare_model(model)
    except ValueError as error:
        raise UserError(f"method {cell.method_name} on backbone {cell.backbone.name}: {error}") from None
