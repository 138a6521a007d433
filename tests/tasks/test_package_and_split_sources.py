from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks import DataError, Examples, HeldOut, PackageSource, Remainder


def test_package_source_reads_with_or_without_a_mirror(tmp_path: Path) -> None:
    source = PackageSource(package="some-texts==1.0", read=lambda: Examples(("a text",)))
    for mirror in (None, tmp_path):
        loaded = source.load(mirror)
        assert (loaded.examples, loaded.partial) == (Examples(("a text",)), False)


def test_missing_package() -> None:
    def read() -> Examples:
        importlib.import_module("no_such_package_anywhere")
        raise AssertionError

    with pytest.raises(DataError) as caught:
        PackageSource(package="some-texts==1.0", read=read).load(None)
    assert str(caught.value) == (
        "package some-texts==1.0 is not installed (no_such_package_anywhere is missing); "
        "pip install 'some-texts==1.0' brings it."
    )


def test_package_without_the_expected_file(tmp_path: Path) -> None:
    source = PackageSource(package="some-texts==1.0", read=lambda: Examples(((tmp_path / "texts.csv").read_text(),)))
    with pytest.raises(DataError) as caught:
        source.load(None)
    assert str(caught.value) == f"package some-texts==1.0: the installed version lacks {tmp_path / 'texts.csv'}."


@pytest.mark.parametrize("partial", [False, True])
def test_held_out_and_remainder_partition_the_source(
    partial: bool, given: Any, numbered: Callable[[int], Examples]
) -> None:
    source = given(numbered(100), partial=partial)
    aside = HeldOut(source=source, size=30, seed=3).load(None)
    rest = Remainder(source=source, size=30, seed=3).load(None)
    assert (len(aside.examples), len(rest.examples)) == (30, 70)
    assert {*aside.examples.texts, *rest.examples.texts} == set(numbered(100).texts)
    assert (aside.partial, rest.partial) == (partial, partial)


def test_held_out_depends_on_its_seed(given: Any, numbered: Callable[[int], Examples]) -> None:
    source = given(numbered(100))
    assert HeldOut(source=source, size=30, seed=3).load(None) != HeldOut(source=source, size=30, seed=4).load(None)


@pytest.mark.parametrize("part", [HeldOut, Remainder])
def test_parts_are_taken_from_the_mirror_that_is_given(part: Any, tmp_path: Path) -> None:
    seen: list[Path | None] = []

    class Recording:
        def load(self, mirror: Path | None) -> Any:
            seen.append(mirror)
            return PackageSource(package="none", read=lambda: Examples(("a text",))).load(mirror)

    part(source=Recording(), size=1, seed=0).load(tmp_path)
    assert seen == [tmp_path]
