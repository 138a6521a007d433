"""Every measurement in this folder in one go, and the page of their results.

Run: ``python tests/perf/everything.py [--mirror FOLDER] [--write docs/performance.md] [--only NAME ...]``

Each measurement is a process of its own, one after the other, so leave the machine alone meanwhile. The exit code is 1
where one ended without results; a target that is missed is said in the table.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from side_by_side import Breakdown, Measurement, breakdown_table, parser_of, results_table

from benchmark.attacks.worker_processes import cores
from benchmark.provenance import machine

HERE = Path(__file__).parent
PACKAGES = ("torch", "transformers", "tokenizers", "textattack", "scikit-learn", "matplotlib", "numpy", "pydantic")


@dataclass(frozen=True)
class Script:
    """One measurement: its heading on the page, and how it is started here."""

    heading: str
    arguments: tuple[str, ...] = ()
    reads_mirror: bool = False


SCRIPTS = {
    "roast_step": Script("Training step: RoAST against vanilla", reads_mirror=True),
    "method_steps": Script(
        "Training step: some methods (docs/method-costs.md has all)",
        ("--batch", "4", "--methods", "roast", "freelb", "smart", "r3f", "childtuning-d"),
    ),
    "fine_tuning": Script("Fine-tuning: against a plain Hugging Face Trainer", reads_mirror=True),
    "mask_refresh": Script("Mask refresh: against a double argsort"),
    "prediction": Script("Prediction: against batches in file order", reads_mirror=True),
    "attack_queries": Script("Live attacks: against TextAttack's stock wrapper", reads_mirror=True),
    "start_up": Script("Start-up"),
    "leaderboard_from_records": Script("Leaderboard from records"),
    "stored_logits_scoring": Script("Scoring of stored logits"),
    "sweep_growth": Script("Growth of a sweep"),
    "sweep_workers": Script("A sweep on a Ray cluster: two workers against one"),
    "plan_estimate": Script("Estimates of --plan against what a run takes"),
    "quickstart": Script("The quickstart"),
}


@dataclass(frozen=True)
class Section:
    """What one script measured, or that it ended without results."""

    heading: str
    seconds: float
    measurements: tuple[Measurement, ...]
    breakdowns: tuple[Breakdown, ...]
    complete: bool = True


def measure(name: str, mirror: Path | None, folder: Path) -> Section:
    """Run one script; its output goes on to the terminal."""
    script = SCRIPTS[name]
    results = folder / f"{name}.json"
    command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(results), *script.arguments]
    if script.reads_mirror and mirror is not None:
        command += ["--mirror", str(mirror)]
    print(f"\n## {script.heading}\n", flush=True)
    start = time.perf_counter()
    code = subprocess.run(command).returncode
    seconds = time.perf_counter() - start
    print(f"\n{seconds:.0f} s", flush=True)
    if not results.is_file():
        failed = Measurement(f"tests/perf/{name}.py", f"ended with exit code {code}, without results", reached=False)
        return Section(script.heading, seconds, (failed,), (), complete=False)
    content: dict[str, list[dict[str, Any]]] = json.loads(results.read_text(encoding="utf-8"))
    return Section(
        script.heading,
        seconds,
        tuple(Measurement(**item) for item in content["measurements"]),
        tuple(Breakdown(**item) for item in content["breakdowns"]),
    )


def setting() -> str:
    """Processor, cores, memory and versions."""
    here = machine()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return (
        f"{here.processor} ({torch.backends.cpu.get_cpu_capability()}), {cores()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB; {'a' if torch.cuda.is_available() else 'no'} GPU; "
        f"{here.system}, Python {here.python}, {versions}"
    )


def page(sections: list[Section], seconds: float) -> str:
    """The page, Markdown."""
    measurements = [item for section in sections for item in section.measurements]
    aimed = [item for item in measurements if item.reached is not None]
    parts = [
        "# Performance",
        "Made by `make perf`; do not edit.",
        f"{time.strftime('%Y-%m-%d')}; {setting()}. All of it took {seconds / 60:.0f} minutes.",
        "What is compared takes turns on the same work in one process; seconds are medians, ratios are medians of the "
        "ratios within each round, of at least five rounds where a line does not say otherwise.",
        f"Targets reached: {sum(item.reached is True for item in aimed)} of {len(aimed)}.",
    ]
    for section in sections:
        parts.append(f"## {section.heading}")
        if section.measurements:
            parts.append(results_table(section.measurements))
        for breakdown in section.breakdowns:
            parts += [f"### {breakdown.title}", breakdown_table(breakdown)]
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Measure everything, print the table, write the page."""
    parser = parser_of(__doc__, mirror=True)
    parser.add_argument("--write", type=Path, help="the page's file, such as docs/performance.md")
    parser.add_argument("--only", nargs="*", choices=SCRIPTS, help="these alone", metavar="NAME")
    options = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        sections = [measure(name, options.mirror, Path(folder)) for name in options.only or SCRIPTS]
    written = page(sections, time.perf_counter() - start)
    print(f"\n{written}")
    if options.write:
        options.write.write_text(written, encoding="utf-8")
    return 0 if all(section.complete for section in sections) else 1


if __name__ == "__main__":
    sys.exit(main())
