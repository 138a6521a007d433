"""Import TextAttack on any machine: no download, no network, nothing written to the user's home.

Left alone, `import textattack` downloads NLTK packages, writes a marker to ~/.cache/textattack, points HF_HOME and
XDG_CACHE_HOME elsewhere when TA_CACHE_DIR is set, replaces the program's logging configuration, and fails where
NLTK's stop words are missing.
"""

import ast
import logging
import logging.config
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from benchmark.attacks.english_stop_words import english_stop_words
from benchmark.attacks.randomness import global_generators_restored

_INSTALL_MODULE = "textattack.shared.utils.install"
_STOP_WORD_MODULE = "textattack.constraints.pre_transformation.stopword_modification"


def import_textattack() -> ModuleType:
    """Import TextAttack, or return it when it is imported already (the first time takes 10 to 15 seconds).

    Environment variables, logging and the global random generators are afterwards as before. Resources that a
    recipe downloads later go to the user's normal cache. TextAttack's default English stop words are the list
    shipped in this package, whatever NLTK data the machine has; other NLTK data is found as always.

    Raises:
        ImportError: TextAttack is not installed, or does its import-time download in a way unknown here.
    """
    if "textattack" not in sys.modules:
        with ExitStack() as guards:
            guards.enter_context(_environment_restored())
            guards.enter_context(global_generators_restored())
            guards.enter_context(_matplotlib_out_of_home())
            guards.enter_context(_logging_left_alone())
            guards.enter_context(_textattack_modules_amended())
            import textattack
    else:
        import textattack

        # Imported by somebody else: only attacks built from here on get the shipped list.
        _ship_stop_words(sys.modules[_STOP_WORD_MODULE])
    module: ModuleType = textattack
    return module


@contextmanager
def compatibility_warnings_silenced() -> Iterator[None]:
    """Keep TextAttack from warning, within the block, that it does not know the class of the wrapped model.

    It compares class names of models that it ships with; a wrapped function never matches.
    """
    logger = logging.getLogger(_INSTALL_MODULE)

    def is_other(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Unknown if model of class")

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


@contextmanager
def _environment_restored() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value


@contextmanager
def _matplotlib_out_of_home() -> Iterator[None]:
    """Send the font cache of matplotlib, which comes along through flair, to a folder removed at exit.

    Only where matplotlib would create its folders: existing ones may hold the user's settings.
    """
    home = Path(os.path.expanduser("~"))  # unlike Path.home(), no error where there is none
    folders = [
        Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "matplotlib",
        Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "matplotlib",
        home / ".matplotlib",
    ]
    settled = "matplotlib" in sys.modules or os.environ.get("MPLCONFIGDIR")
    if not settled and not any(folder.exists() for folder in folders):
        global _matplotlib_folder
        _matplotlib_folder = tempfile.TemporaryDirectory(prefix="matplotlib-", ignore_cleanup_errors=True)
        os.environ["MPLCONFIGDIR"] = _matplotlib_folder.name  # taken back by _environment_restored
    yield


_matplotlib_folder: tempfile.TemporaryDirectory[str] | None = None
"""Kept for as long as the program runs: matplotlib goes on reading the folder. Its finalizer removes it."""


@contextmanager
def _logging_left_alone() -> Iterator[None]:
    """Within the block, let logging.config.dictConfig set levels but close no handler and disable no logger.

    TextAttack and flair call it while being imported. In its usual mode it closes every handler of the program,
    and TextAttack's call disables every logger that exists. flair's handler, which would print to standard
    output, is left out too; its warnings still reach standard error.
    """
    original = logging.config.dictConfig

    def set_levels(config: Mapping[str, Any]) -> None:
        original({"version": 1, "incremental": True, "loggers": config.get("loggers", {})})

    logging.config.dictConfig = set_levels
    try:
        yield
    finally:
        logging.config.dictConfig = original


@contextmanager
def _textattack_modules_amended() -> Iterator[None]:
    """Within the block, import two of TextAttack's modules in amended form."""
    finder = _AmendingFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _AmendingFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        loaders = {_INSTALL_MODULE: _LoaderWithoutDownload, _STOP_WORD_MODULE: _LoaderWithStopWords}
        if fullname not in loaders:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = loaders[fullname](fullname, spec.origin)
        return spec


class _LoaderWithoutDownload(SourceFileLoader):
    """Loads TextAttack's install module without the statements that download and redirect caches."""

    def get_code(self, fullname: str) -> CodeType:
        # Compiled here and not by the superclass, which would keep the result in the byte-code cache that
        # TextAttack's other users share.
        tree = ast.parse(self.get_data(self.path), self.path)
        unwanted = {"_post_install_if_needed": False, "set_cache_dir": False}
        kept: list[ast.stmt] = []
        for statement in tree.body:
            called = _function_called_by(statement)
            if called in unwanted:
                unwanted[called] = True
            else:
                kept.append(statement)
        missing = [name for name, found in unwanted.items() if not found]
        if missing:
            raise ImportError(
                f"this version of textattack does not call {' and '.join(missing)} when imported, as 0.3.10 and"
                f" 0.3.11 do; it may download something elsewhere (looked in {self.path})"
            )
        tree.body = kept
        return compile(tree, self.path, "exec")


def _function_called_by(statement: ast.stmt) -> str | None:
    """Name of the function that a statement calls: `f(…)`, also as the only statement under an `if`."""
    if isinstance(statement, ast.If) and len(statement.body) == 1 and not statement.orelse:
        statement = statement.body[0]
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        return function.id if isinstance(function, ast.Name) else None
    return None


class _LoaderWithStopWords(SourceFileLoader):
    """Loads TextAttack's stop word constraint with the shipped English list as its default.

    While being imported, because TextAttack makes such a constraint before its import is through.
    """

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        _ship_stop_words(module)


def _ship_stop_words(module: ModuleType) -> None:
    """Make the shipped English list the default of TextAttack's stop word constraint.

    Not by a folder in nltk.data.path: it would hide the user's lists of other languages, and come too late where
    NLTK has loaded its list already.
    """
    constraint: Any = module.StopwordModification
    original = constraint.__init__
    if hasattr(original, "ships_stop_words"):
        return

    def __init__(self: object, stopwords: object = None, language: str = "english") -> None:
        if stopwords is None and language == "english":
            stopwords = english_stop_words()
        original(self, stopwords, language)

    __init__.ships_stop_words = True  # type: ignore[attr-defined]
    constraint.__init__ = __init__
