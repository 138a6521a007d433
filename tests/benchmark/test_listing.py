import gc
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.command_line.app import VERBS
from methods import methods

PUBLISHED = Path(__file__).parents[2] / "leaderboard" / "results" / "quickstart"


@pytest.mark.parametrize("kind", ["methods", "tasks", "attacks", "suites", "backbones"])
def test_every_kind_has_a_line_each(roast_bench, kind):
    lines = roast_bench("list", kind).out.strip().splitlines()
    as_json = json.loads(roast_bench("list", kind, "--json").out)
    assert [line.split()[0] for line in lines] == sorted(as_json)
    assert all(as_json.values())


def test_methods_are_those_registered(roast_bench):
    assert set(json.loads(roast_bench("list", "methods", "--json").out)) == set(methods)


def test_describe_shows_source_objective_defaults_and_cost(roast_bench):
    text = roast_bench("describe", "roast").out
    for part in ("2312.04032", "Cost: 8 units", "alpha", "0.9", "≥ 0, ≤ 1", "full or released"):
        assert part in text
    facts = json.loads(roast_bench("describe", "roast", "--json").out)
    assert facts["hyper-parameters"]["alpha"]["default"] == 0.9
    assert facts["published for"]["entailment"] == {"alpha": 0.6, "beta": 1.0}


@pytest.mark.parametrize(
    ("name", "part"), [("reviews", "technical-prose"), ("deepwordbug", "1801.04354"), ("full", "learning_rate: 1e-05")]
)
def test_describe_tasks_attacks_and_suites(roast_bench, name, part):
    assert part in roast_bench("describe", name).out


HEAVY = ("torch", "transformers", "textattack", "datasets", "sklearn", "pandas", "matplotlib", "numpy")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list", "methods"], ["list", "tasks"], ["list", "attacks"], ["describe", "roast"]]
)
def test_start_up_stays_light(arguments):
    assert loaded_by(arguments) & set(HEAVY) == set()


def loaded_by(arguments):
    """What a new process has imported when the command ends."""
    code = (
        "import sys\nfrom benchmark.command_line import main\n"
        f"sys.argv = ['roast-bench', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["list", "attacks"], ["describe", "pwws"]])
def test_a_verb_loads_neither_the_others_nor_what_they_need(arguments):
    loaded = loaded_by(arguments)
    assert not loaded & {f"benchmark.command_line.{module}" for module in ("run", "evaluate", "attack", "data")}
    assert ("tasks" in loaded) == (arguments[0] == "describe")  # whose name might have been a task's


def test_a_finished_suite_loads_nothing_that_trains(tmp_path):
    shutil.copytree(PUBLISHED, tmp_path / "out")
    loaded = loaded_by(["run", "quickstart", "--out", str(tmp_path / "out")])
    assert "leaderboard.page.render" in loaded  # written again
    assert not loaded & {"matplotlib", "torch", "transformers", "textattack", "datasets", "sklearn", "pandas"}


def test_every_verb_is_offered_and_works_alone(roast_bench):
    overview = roast_bench("--help").out
    listed = [line.split()[0] for line in overview.partition("Commands:")[2].splitlines() if line.startswith("  ")]
    assert [word for word in listed if word in VERBS] == list(VERBS)
    for verb in VERBS:
        shown = roast_bench(verb, "--help")
        assert shown.code == 0
        assert f"roast-bench {verb} [OPTIONS]" in shown.out


def test_a_word_that_is_no_verb_is_refused_with_the_nearest(roast_bench):
    refused = roast_bench("lst", "methods")
    assert refused.code == 2
    assert refused.err.splitlines() == [refused.err.strip()]
    assert "lst" in refused.err
    assert "list" in refused.err.partition("lst")[2]


@pytest.mark.parametrize("arguments", [["list", "methods"], ["list", "nothing"], ["describe", "nothing"]])
def test_garbage_is_collected_again_afterwards(roast_bench, arguments):
    roast_bench(*arguments)
    assert gc.isenabled()


def test_doctor_names_what_is_there(roast_bench):
    done = roast_bench("doctor", "--json")
    findings = {finding["subject"]: finding for finding in json.loads(done.out)}
    assert findings["torch"]["state"] == "ok"
    assert findings["backbone minilm"]["state"] == "ok"
    assert findings["task reviews"]["state"] == "ok"
    assert done.code == 0


def test_doctor_says_what_is_missing(roast_bench, monkeypatch):
    from benchmark import backbones

    monkeypatch.setitem(
        backbones.PACKAGED, "absent", backbones.PackagedBackbone("absent==1", "absent_x", "m", "0", "-")
    )
    done = roast_bench("doctor")
    assert done.code == 1
    assert "MISSING  backbone absent" in done.out
