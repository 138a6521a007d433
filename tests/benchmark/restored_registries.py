"""What plug-ins register, taken back; and commands whose results several tests share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def restored_registries() -> Iterator[None]:
    """What is registered within is gone afterwards."""
    from benchmark.attacks import attacks
    from benchmark.plugins import plugin_sources
    from methods import methods, short_names
    from tasks import tasks

    kept = [(registry, dict(registry)) for registry in (methods, short_names, tasks, attacks, plugin_sources)]
    modules = set(sys.modules)
    yield
    for registry, content in kept:
        registry.clear()
        registry.update(content)
    for name in set(sys.modules) - modules:
        if name.startswith("roast_bench_plugin"):
            del sys.modules[name]


def exit_code(words: list[object], out: Path, **variables: str) -> int:
    """Run the command in this process, for several tests: without what lasts for one."""
    from benchmark.command_line import main

    with pytest.MonkeyPatch.context() as patch, restored_registries():
        patch.setattr("sys.argv", ["roast-bench", *map(str, words), "--out", str(out)])
        for name, value in variables.items():
            patch.setenv(name, value)
        try:
            main()
        except SystemExit as left:
            return int(left.code or 0)
    raise AssertionError("the command did not end by itself")
