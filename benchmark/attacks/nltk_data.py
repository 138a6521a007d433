"""NLTK's data: found where NLTK would find it, without loading NLTK (which takes seconds)."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmark.attacks.resources import NotThere, Resource

VARIABLE = "NLTK_DATA"

FIRST_WITHOUT_PICKLES = (3, 9)
"""Version of NLTK from which on its tagger is JSON."""


def use_nltk_data(folder: Path) -> None:
    """Let NLTK, in this process and in those it starts, look into one more folder; does nothing where there is none.

    The folder is looked into first: somebody who names a mirror wants its data, the same on every machine.

    Args:
        folder: holds `corpora` and `taggers`, such as the `nltk_data` folder of a mirror.
    """
    if not folder.is_dir():
        return
    absolute = str(folder.resolve())
    given = [name for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name and name != absolute]
    os.environ[VARIABLE] = os.pathsep.join([absolute, *given])
    loaded = sys.modules.get("nltk.data")
    if loaded is not None and absolute not in loaded.path:  # NLTK reads the variable when it is imported only
        loaded.path.insert(0, absolute)


def _search_folders() -> list[Path]:
    """The folders that NLTK looks into, in its order (as `nltk.data.path`)."""
    loaded = sys.modules.get("nltk.data")
    if loaded is not None:
        return [Path(folder) for folder in loaded.path if folder]
    given = [Path(name).expanduser() for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]
    prefix = Path(sys.prefix)
    system = [Path(root) for root in ("/usr/share", "/usr/local/share", "/usr/lib", "/usr/local/lib")]
    return [
        *given,
        Path(os.path.expanduser("~")) / "nltk_data",
        prefix / "nltk_data",
        prefix / "share" / "nltk_data",
        prefix / "lib" / "nltk_data",
        *(root / "nltk_data" for root in system),
    ]


def _look(package: str) -> Path:
    """Find a package such as ``corpora/wordnet``, as a folder or a zip archive.

    Raises:
        NotThere: it is nowhere, or only where NLTK refuses to read.
    """
    refused: tuple[Path, Path] | None = None
    for folder in _search_folders():
        for found in (folder / package, folder / f"{package}.zip"):
            if not found.exists():
                continue
            open_to_others = next(_open_to_others(folder, found), None) if _nltk_checks_owners() else None
            if open_to_others is None:
                return found
            refused = refused or (folder, open_to_others)
    if refused is None:
        raise NotThere
    folder, entry = refused
    raise NotThere(
        f"found in {folder}, but NLTK reads nothing that other accounts can change, and {entry} is such",
        f'cp -r {folder} "$HOME/nltk_data" && chmod -R go-w "$HOME/nltk_data"',
    )


def _nltk_checks_owners() -> bool:
    """Whether the installed NLTK refuses data that other accounts can write to (from 3.10 on, on POSIX)."""
    spec = importlib.util.find_spec("nltk")
    return (
        os.name == "posix"
        and spec is not None
        and spec.origin is not None
        and Path(spec.origin).with_name("pathsec.py").exists()
    )


def _open_to_others(folder: Path, package: Path) -> Iterator[Path]:
    """What NLTK looks at before it reads: the folders down to the package, and everything in it."""
    on_the_way = [parent for parent in package.parents if parent.is_relative_to(folder)]
    inside = sorted(package.rglob("*")) if package.is_dir() else []
    for entry in [*reversed(on_the_way), package, *inside]:
        status = entry.stat()
        if status.st_uid not in (os.geteuid(), 0) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield entry


def _look_without_pickles(package: str) -> Path:
    """As `_look`, where the installed NLTK reads the package as JSON.

    Raises:
        NotThere: NLTK is older than that: it would look for another package, and unpickle it.
    """
    version = importlib.metadata.version("nltk")
    if tuple(map(int, re.findall(r"[0-9]+", version)[:2])) < FIRST_WITHOUT_PICKLES:
        raise NotThere(f"NLTK {version} keeps it in a pickle, which can run code", "pip install --upgrade nltk")
    return _look(package)


def _resource(package: str, name: str, description: str, look: Callable[[str], Path] = _look) -> Resource:
    identifier = package.rpartition("/")[2]
    return Resource(
        name,
        description,
        partial(look, package),
        f"python -m nltk.downloader {identifier}, or --mirror with a folder that has nltk_data/{package}",
    )


WORDNET = _resource("corpora/wordnet", "NLTK's WordNet", "synonyms of a word")
TAGGER = _resource(
    "taggers/averaged_perceptron_tagger_eng",
    "NLTK's English part-of-speech tagger",
    "a word's part of speech",
    _look_without_pickles,
)
TAGSET = _resource("taggers/universal_tagset", "NLTK's universal tag set", "coarse parts of speech (noun, verb …)")
PARTS_OF_SPEECH = (TAGGER, TAGSET)
"""What TextAttack's part-of-speech constraint reads."""
