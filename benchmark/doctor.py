"""What a machine has and lacks for a run."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.attacks import attacks
from benchmark.attacks.nltk_data import use_nltk_data
from benchmark.backbones import PACKAGED, locate
from benchmark.declared_task import declare_task
from benchmark.environment import MIRROR_VARIABLE
from benchmark.errors import UserError
from benchmark.plugins import load_entry_points
from benchmark.provenance import PACKAGES
from tasks import DataError, Unavailable, tasks
from tasks.loading import load_task

FREE_DISK = 2 << 30
"""Bytes that checkpoints of a run with the packaged backbone may take."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    state: Literal["ok", "missing", "note"]
    found: str
    fix: str = ""


def examine() -> list[Finding]:
    """Look at packages, device, memory, disk, backbones, tasks, plug-ins, the mirror and attacks; touch no network."""
    return [*_packages(), *_machine(), *_plugins(), *_backbones(), *_tasks(), *_mirror(), *_attacks()]


def _packages() -> Iterator[Finding]:
    yield Finding("python", "ok", platform.python_version())
    for name in PACKAGES:
        try:
            yield Finding(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "missing", "not installed", "pip install roast-bench")


def _machine() -> Iterator[Finding]:
    import psutil
    import torch

    if torch.cuda.is_available():
        yield Finding("device", "ok", torch.cuda.get_device_name())
    else:
        yield Finding("device", "note", f"cpu, {torch.get_num_threads()} threads; the full suite wants a GPU")
    yield Finding("memory", "ok", f"{psutil.virtual_memory().total / 2**30:.1f} GiB")
    free = shutil.disk_usage(".").free
    if free < FREE_DISK:
        yield Finding("disk", "missing", f"{free / 2**30:.1f} GiB free here", "2 GiB are needed for checkpoints")
    else:
        yield Finding("disk", "ok", f"{free / 2**30:.1f} GiB free here")


def _plugins() -> Iterator[Finding]:
    try:
        load_entry_points()
    except UserError as error:
        yield Finding("plug-ins", "missing", str(error))


def _backbones() -> Iterator[Finding]:
    for name in PACKAGED:
        try:
            yield Finding(f"backbone {name}", "ok", locate(name).identity[:19] + "…")
        except UserError as error:
            yield Finding(f"backbone {name}", "missing", str(error))


def _tasks() -> Iterator[Finding]:
    mirror = Path(os.environ[MIRROR_VARIABLE]) if os.environ.get(MIRROR_VARIABLE) else None
    for name in tasks:
        try:
            task = declare_task(name)
            if mirror is None and task.reads_hub:
                yield Finding(f"task {name}", "note", "reads the Hugging Face hub, which is not asked here")
                continue
            data = load_task(task, mirror=mirror)
        except (DataError, UserError) as error:
            optional = isinstance(error, Unavailable) and task.reads_hub  # a mirror need not hold every task
            yield Finding(f"task {name}", "note" if optional else "missing", str(error))
            continue
        rows = ", ".join(f"{key} {len(part.examples):,}" for key, part in data.evaluation.items())
        yield Finding(f"task {name}", "ok", f"train {len(data.training.examples):,}, {rows} texts")
        for key, reason in data.missing.items():
            yield Finding(f"task {name}, set {key}", "note", reason)


def _mirror() -> Iterator[Finding]:
    folder = os.environ.get(MIRROR_VARIABLE)
    if not folder:
        yield Finding("mirror", "note", f"none; set {MIRROR_VARIABLE} to a folder to read hub data sets from it")
    elif not Path(folder).is_dir():
        yield Finding("mirror", "missing", f"{folder} is not a folder", f"unset {MIRROR_VARIABLE} or correct it")
    else:
        yield Finding("mirror", "ok", folder)


def _attacks() -> Iterator[Finding]:
    """Attacks, then what they lack; an attack that is not used needs nothing, so all of it is a note."""
    if mirror := os.environ.get(MIRROR_VARIABLE):
        use_nltk_data(Path(mirror) / "nltk_data")
    needed = dict.fromkeys(resource for attack in attacks.values() for resource in attack.resources)
    missing = {resource: found for resource in needed if (found := resource.missing())}
    for name, attack in sorted(attacks.items()):
        lacking = [resource.name for resource in attack.resources if resource in missing]
        yield (
            Finding(f"attack {name}", "note", f"lacks {', '.join(lacking)}")
            if lacking
            else Finding(f"attack {name}", "ok", "ready")
        )
    for resource, found in missing.items():
        yield Finding(f"for attacks, {resource.name}", "note", found.reason, found.remedy)
