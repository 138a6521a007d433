import json
import subprocess
import sys

import pytest

from methods import methods


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


HEAVY = ("torch._C", "transformers", "textattack", "datasets", "sklearn", "pandas", "matplotlib", "numpy")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list", "methods"], ["list", "tasks"], ["list", "attacks"], ["describe", "roast"]]
)
def test_start_up_stays_light(arguments):
    code = (
        "import sys\nfrom benchmark.command_line import main\n"
        f"sys.argv = ['roast-bench', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


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
