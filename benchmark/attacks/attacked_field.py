"""Which text of a pair an attack may change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from benchmark.attacks.textattack_offline import import_textattack

if TYPE_CHECKING:
    import textattack

PairField = Literal["premise", "hypothesis", "both"]
"""The first text of a pair, the second, or either."""

COLUMNS = ("premise", "hypothesis")
"""The columns of a pair as TextAttack sees it."""


def keep_to_field(built: textattack.Attack, field: PairField) -> None:
    """Let an attack on pairs change words of one field only, whatever its recipe says.

    Recipes that keep to the hypothesis by a constraint of their own (TextFooler, A2T, the genetic ones) lose it for
    the chosen field's: with both in force no word of the premise could ever change.

    A second constraint looks at what transformations made: TextAttack's merging of neighbouring words, a part of
    CLARE, does not ask which words it may touch. It also refuses candidates that leave a text without words, which
    deletions could.

    Args:
        built: the attack; its constraints are changed in place.
        field: what it may change.
    """
    textattack = import_textattack()
    of_columns = textattack.constraints.pre_transformation.InputColumnModification
    built.pre_transformation_constraints = [
        constraint for constraint in built.pre_transformation_constraints if not isinstance(constraint, of_columns)
    ]
    kept = {column for column in COLUMNS if field not in (column, "both")}
    if kept:
        built.pre_transformation_constraints.append(of_columns(list(COLUMNS), kept))
    built.constraints.append(_changes_nothing_in(kept))


def _changes_nothing_in(kept: set[str]) -> Any:
    base: Any = import_textattack().constraints.Constraint

    class FieldsKept(base):  # type: ignore[misc]
        """Refuses candidates that differ in a kept column, or whose changed column has lost its last word."""

        def __init__(self) -> None:
            super().__init__(compare_against_original=False)
            self.kept = sorted(kept)

        def _check_constraint(self, transformed_text: Any, reference_text: Any) -> bool:
            texts = zip(COLUMNS, transformed_text.tokenizer_input, reference_text.tokenizer_input, strict=True)
            same = all(new == old for column, new, old in texts if column in kept)
            lost = zip(transformed_text.words_per_input, reference_text.words_per_input, strict=True)
            return same and not any(old and not new for new, old in lost)

        def extra_repr_keys(self) -> list[str]:
            return ["kept"]

    return FieldsKept()


def attacked_part(text: str | tuple[str, str], field: PairField | None) -> str:
    """What of a text an attack may change: all of a single text, the chosen field of a pair, or both joined."""
    if isinstance(text, str):
        return text
    return " ".join(part for column, part in zip(COLUMNS, text, strict=True) if field in (column, "both"))
