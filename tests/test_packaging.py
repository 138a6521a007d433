"""What the files around the code promise: packages, pins, citation, and who may import whom."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import benchmark

ROOT = Path(__file__).parents[1]
PROJECT = "roast-bench"
PACKAGES = ("benchmark", "leaderboard", "methods", "tasks")
ALLOWED_IMPORTS = {"benchmark": set(PACKAGES)} | {package: {package} for package in PACKAGES if package != "benchmark"}


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def direct_requirements(pyproject: dict[str, Any]) -> list[Requirement]:
    """The requirements of the project and of all its extras, without those that name the project itself."""
    project = pyproject["project"]
    texts = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    requirements = [Requirement(text) for text in texts]
    return [requirement for requirement in requirements if canonicalize_name(requirement.name) != PROJECT]


@pytest.fixture(scope="module")
def pin_lines() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def pins(pin_lines: list[str]) -> dict[str, Requirement]:
    requirements = [Requirement(line.partition(" #")[0]) for line in pin_lines]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def pinned_version(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    return specifier.version


@pytest.fixture(scope="module")
def providers() -> dict[str, set[str]]:
    """Top-level module → the installed distributions that bring it."""
    return {module: {canonicalize_name(name) for name in names} for module, names in packages_distributions().items()}


def test_the_look_up_of_top_level_modules_finds_them(providers: dict[str, set[str]]) -> None:
    assert providers["pytest"] == {"pytest"}
    assert providers["sklearn"] == {"scikit-learn"}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_dependency_brings_a_module_of_our_name(package: str, providers: dict[str, set[str]]) -> None:
    assert providers.get(package, set()) <= {PROJECT}
    assert package not in sys.stdlib_module_names


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_ships_its_types(package: str) -> None:
    assert (ROOT / package / "__init__.py").is_file()
    assert (ROOT / package / "py.typed").is_file()


def test_the_wheel_holds_the_four_packages(pyproject: dict[str, Any]) -> None:
    assert sorted(pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == list(PACKAGES)


def test_every_pin_is_exact(pins: dict[str, Requirement]) -> None:
    assert len(pins) > 100
    for name, pin in pins.items():
        (specifier,) = pin.specifier
        assert specifier.operator == "==", name
        assert re.fullmatch(r"\d[a-z0-9.]*", specifier.version), f"{name}: {specifier.version}"
        assert pin.url is None, name


def test_every_package_is_pinned_once(pin_lines: list[str], pins: dict[str, Requirement]) -> None:
    assert len(pin_lines) == len(pins)


def test_pins_satisfy_the_ranges(direct_requirements: list[Requirement], pins: dict[str, Requirement]) -> None:
    for requirement in direct_requirements:
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement} has no pin"
        assert requirement.specifier.contains(pinned_version(pin)), f"{requirement} excludes {pin}"


def test_the_whole_tree_is_pinned(direct_requirements: list[Requirement], pins: dict[str, Requirement]) -> None:
    """Whatever the installed dependencies require in turn has a pin too."""
    waiting = list(direct_requirements)
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        assert name in pins, f"{name} is required, but has no pin"
        waiting.extend(requirements_here(name, requirement.extras))
    assert len({name for name, _ in seen}) > len(direct_requirements)


def requirements_here(name: str, extras: set[str]) -> list[Requirement]:
    """What an installed distribution with these extras requires on this machine."""
    try:
        requirements = [Requirement(text) for text in requires(name) or []]
    except PackageNotFoundError:
        return []
    return [
        requirement
        for requirement in requirements
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


@pytest.mark.parametrize("name", ["transformers", "torch", "scikit-learn"])
def test_pins_with_a_reason_tell_it(name: str, pin_lines: list[str]) -> None:
    (line,) = (line for line in pin_lines if line.startswith(f"{name}=="))
    assert re.search(r"  # \w+", line)


def test_what_the_quickstart_reads_has_one_version(pyproject: dict[str, Any]) -> None:
    for text in pyproject["project"]["optional-dependencies"]["quickstart"]:
        if canonicalize_name(Requirement(text).name) == PROJECT:
            continue
        assert str(Requirement(text).specifier).startswith("=="), text


def test_one_version_everywhere(pyproject: dict[str, Any]) -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cited = re.findall(r"^version: *(\S+)$", citation, flags=re.MULTILINE)
    assert cited == [pyproject["project"]["version"]] == [benchmark.__version__]


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    forbidden = [
        f"{file.relative_to(ROOT)} imports {imported}"
        for file in files
        for imported in sorted(imports_of(file.read_text(encoding="utf-8")) & set(PACKAGES))
        if imported not in ALLOWED_IMPORTS[package]
    ]
    assert forbidden == []


@pytest.mark.parametrize(
    "source",
    [
        "import benchmark",
        "import benchmark.run as run",
        "from benchmark.run import run_cells",
        "def late():\n    from benchmark import run",
        "if TYPE_CHECKING:\n    from benchmark.cell import Cell",
        "importlib.import_module('benchmark.run')",
        "import_module('benchmark')",
        "lazy_loader.load('benchmark.run')",
    ],
)
def test_every_way_of_importing_is_seen(source: str) -> None:
    assert "benchmark" in imports_of(source)


def test_what_only_looks_like_an_import_is_not_taken_for_one() -> None:
    assert imports_of("from . import benchmark\nload('a file')\nx = 'import benchmark'") == {"a file"}


def imports_of(source: str) -> set[str]:
    """Top-level names of the modules that Python source imports, by statement or by name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=aliases):
                names.update(alias.name for alias in aliases)
            case ast.ImportFrom(module=str(module), level=0):
                names.add(module)
            case ast.Call(
                func=ast.Name(id="import_module" | "load" | "__import__")
                | ast.Attribute(attr="import_module" | "load"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                names.add(module)
    return {name.partition(".")[0] for name in names}
