"""Methods, tasks and attacks from outside the package: plug-in files and installed packages.

Code is imported from nowhere else: a plug-in file is one that the user named (its folder is not searched for further
modules), and an installed package is one that somebody installed into this Python. No file of an output folder, a
mirror, a suite or a record names code.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import sys
import traceback
from pathlib import Path

from benchmark.errors import UserError

ENTRY_POINT_GROUPS = ("roast_bench.methods", "roast_bench.tasks", "roast_bench.attacks")
"""Entry-point groups whose objects are imported; importing one is expected to register it."""

plugin_sources: dict[str, str] = {}
"""Module name of a loaded plug-in → sha256 of its file, or package and version where it is installed."""


def load_entry_points() -> None:
    """Import what installed packages offer.

    Raises:
        UserError: one cannot be imported.
    """
    installed = importlib.metadata.entry_points()  # reads a file of every package there is: once, not for each group
    for group in ENTRY_POINT_GROUPS:
        for entry_point in installed.select(group=group):
            try:
                loaded = entry_point.load()
            except (Exception, SystemExit) as error:
                package = entry_point.dist.name if entry_point.dist else "an installed package"
                raise UserError(
                    f"{package}: its entry point {entry_point.name} ({entry_point.value}) cannot be imported: "
                    f"{_in_one_line(error)}; repair or uninstall the package."
                ) from None
            if entry_point.dist is not None:
                plugin_sources[loaded.__module__] = f"{entry_point.dist.name}=={entry_point.dist.version}"


def load_plugin(path: Path) -> None:
    """Import a plug-in file, which registers what it brings.

    Raises:
        UserError: the file does not exist, cannot be imported, or registers nothing.
    """
    if not path.is_file():
        raise UserError(f"--plugin {path}: there is no such file.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"--plugin {path}: cannot be read ({error.strerror}).") from None
    digest = hashlib.sha256(content).hexdigest()
    name = f"roast_bench_plugin_{path.stem}_{digest[:8]}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"--plugin {path}: is not a Python file; its name must end in .py.")
    before = _registered()
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        # What was hashed, and not what Python may have kept of another version in a folder beside it.
        exec(compile(content, str(path), "exec", dont_inherit=True), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserError(f"--plugin {path}{_line_of(error, path)}: cannot be imported: {_in_one_line(error)}") from None
    if _registered() == before:
        raise UserError(
            f'--plugin {path}: registers nothing; put @register("name") from methods, @register_task("name") from '
            'tasks or @register_attack("name", …) from benchmark.attacks on what it brings.'
        )
    plugin_sources[name] = digest


def _registered() -> tuple[int, int, int]:
    from benchmark.attacks import attacks
    from methods import methods
    from tasks import tasks

    return len(methods), len(tasks), len(attacks)


def _line_of(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.lineno:
        return f":{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f":{lines[-1]}" if lines else ""


def _in_one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
