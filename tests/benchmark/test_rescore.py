"""`roast-bench rescore`: scores again from stored logits."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic_core import from_json

from benchmark.plan import plan
from benchmark.plugins import load_plugin, plugin_sources
from benchmark.progress import Reporter
from benchmark.run import run_cells
from benchmark.stored_logits import store_logits
from benchmark.suite import Suite, TrainingSettings
from leaderboard.checksum import with_checksum
from leaderboard.record import find_records, read_record
from methods import methods, short_names
from tasks import tasks


@pytest.fixture(scope="module")
def one_run(tmp_path_factory, tiny_backbone):
    """One finished cell of the task tiny, as ``roast-bench run`` leaves it."""
    kept = [(registry, dict(registry)) for registry in (methods, short_names, tasks, plugin_sources)]
    modules = set(sys.modules)
    load_plugin(Path(__file__).with_name("example_plugin.py"))
    suite = Suite(
        name="tiny",
        tasks=("tiny",),
        backbones=(str(tiny_backbone),),
        methods=("vanilla",),
        seeds=(0,),
        training=TrainingSettings(epochs=1, batch_size=8, max_length=64),
    )
    folder = tmp_path_factory.mktemp("rescore") / "out"
    with Reporter() as reporter:
        assert len(run_cells(plan(suite), folder, reporter).finished) == 1
    for registry, content in kept:
        registry.clear()
        registry.update(content)
    for name in set(sys.modules) - modules:
        if name.startswith("roast_bench_plugin"):
            del sys.modules[name]
    return folder


@pytest.fixture
def out(one_run, tmp_path):
    """A copy of it to damage."""
    return Path(shutil.copytree(one_run, tmp_path / "out"))


def the_record(out):
    (path,) = find_records(out)
    return path


def edit(path, change):
    """Let the record be one that roast-bench wrote so."""
    content = from_json(path.read_bytes())
    change(content)
    path.write_bytes(with_checksum(content))
    return path.read_bytes()


def assert_refused(done, path, before, *parts):
    assert done.code == 2, done
    lines = [line for line in done.err.splitlines() if line.startswith("roast-bench:")]
    assert len(lines) == 1, done.err
    for part in (str(path), *parts):
        assert part in lines[0], lines[0]
    assert "Traceback" not in done.err
    assert path.read_bytes() == before


def test_run_and_rescore_give_the_same(roast_bench, out):
    path = the_record(out)
    before = path.read_bytes(), path.stat().st_mtime_ns
    done = roast_bench("rescore", out)
    assert done.code == 0, done.err
    assert "Records: 1 unchanged." in done.out
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_changed_scores_are_put_right_and_nothing_else(roast_bench, out):
    path = the_record(out)
    good = path.read_bytes()

    def change(content):
        content["set_scores"]["other"]["accuracy"]["value"] = 12.5
        content["scores"]["acc_shift"]["value"] = 12.5

    wrong = edit(path, change)
    right = from_json(good)["scores"]["acc_shift"]["value"]
    dry = roast_bench("rescore", out, "--dry-run")
    assert path.read_bytes() == wrong
    assert "1 would change" in dry.out
    done = roast_bench("rescore", out)
    assert path.read_bytes() == good
    assert f"  other, accuracy: 12.5 → {right:.10g}" in done.out
    assert f"  perspectives, acc_shift: 12.5 → {right:.10g}" in done.out
    assert "1 rewritten" in done.out
    assert f"roast-bench leaderboard {out}" in done.out
    assert [path for path in path.parent.iterdir() if path.name.endswith(".tmp")] == []
    assert "1 unchanged" in roast_bench("rescore", out).out


def test_the_last_bits_of_another_processor_are_no_change(roast_bench, out):
    path = the_record(out)

    def change(content):
        content["scores"]["ece"]["value"] += 1e-12
        content["set_scores"]["other"]["nll"]["value"] += 1e-12

    before = edit(path, change)
    assert "1 unchanged" in roast_bench("rescore", out).out
    assert path.read_bytes() == before


def test_json_lists_every_change(roast_bench, out):
    path = the_record(out)

    def change(content):
        content["set_scores"]["other"]["accuracy"]["value"] = 12.5
        del content["set_scores"]["odd"]["auroc_energy"]
        content["set_scores"]["odd"]["invented"] = content["set_scores"]["odd"]["auroc"]

    edit(path, change)
    done = roast_bench("rescore", out, "--json", "--dry-run")
    summary = json.loads(done.out)
    (changed,) = summary["changed"]
    assert changed["record"] == str(path)
    assert summary["dry_run"] is True
    assert summary["rows"] == 40 + 30 + 3
    found = {(item["set"], item["metric"]): (item["old"], item["new"]) for item in changed["changes"]}
    assert set(found) == {("other", "accuracy"), ("odd", "auroc_energy"), ("odd", "invented")}
    assert found["other", "accuracy"][0]["value"] == 12.5
    assert found["odd", "auroc_energy"][0] is None
    assert found["odd", "invented"][1] is None


def test_records_of_before_gain_the_new_metrics(roast_bench, out, plugin):
    """They lack the newer metrics, the in-distribution test set and the projection."""
    path = the_record(out)
    good = from_json(path.read_bytes())

    def change(content):
        content["set_scores"] = {
            name: {metric: score for metric, score in scores.items() if metric in ("accuracy", "ece", "auroc")}
            for name, scores in content["set_scores"].items()
        }
        del content["in_distribution_test"]
        del content["configuration"]["resolved"]["evaluation"]["projection"]

    before = edit(path, change)
    assert_refused(roast_bench("rescore", out), path, before, "which set anomalies are told from", "'tiny'")
    done = roast_bench("rescore", out, "--plugin", plugin)
    assert done.code == 0, done.err
    assert "New metrics in 1 records: ece_raw, ece_adaptive, nll, brier, aupr, fpr95, auroc_energy" in done.out
    found = from_json(path.read_bytes())
    assert found["set_scores"] == good["set_scores"]
    assert "in_distribution_test" not in found


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "has sha256"),
        (lambda path: store_logits(path, np.zeros((30, 2), np.float32), (0,) * 30), "has sha256"),
        (lambda path: path.unlink() or path.mkdir(), "Is a directory"),
    ],
    ids=["missing", "truncated", "other logits", "a folder"],
)
def test_damaged_logits_leave_the_record_alone_and_the_others_go_on(roast_bench, out, one_run, damage, part):
    path = the_record(out)
    second = Path(shutil.copytree(one_run, out / "second"))
    edit(the_record(second), lambda content: content["scores"]["acc_in"].update(value=1.0))
    before = edit(path, lambda content: content["scores"]["acc_in"].update(value=1.0))
    damage(path.parent / "logits" / "other.npz")
    done = roast_bench("rescore", out)
    assert_refused(done, path, before, "evaluation set other", "logits/other.npz", part)
    assert "1 rewritten, 1 left as they were" in done.out
    assert read_record(the_record(second)).scores["acc_in"].value != 1.0


@pytest.mark.parametrize(
    ("logits", "labels", "part"),
    [
        (np.full((30, 2), np.nan, np.float32), (0,) * 30, "logits are not finite in row 0"),
        (np.zeros((30, 2), np.float32), (2,) * 30, "label 2 in row 0 is outside 0..1"),
        (np.zeros((30, 2), np.float32), None, "has no labels"),
        (np.zeros((30, 2), np.float32), (0,) * 29, "labels must have the shape (30,)"),
        (np.zeros((29, 2), np.float32), (0,) * 29, "holds 29 rows, the record 30"),
        (np.zeros((30,), np.float32), (0,) * 30, "logits must have the shape (n, classes)"),
    ],
    ids=["NaN", "label out of range", "no labels", "too few labels", "too few rows", "one column"],
)
def test_malformed_logits_are_refused_with_set_and_row(roast_bench, out, logits, labels, part):
    path = the_record(out)
    digest = store_logits(path.parent / "logits" / "other.npz", logits, labels)
    before = edit(path, lambda content: content["evaluation_sets"]["other"].update(logits_sha256=digest))
    assert_refused(roast_bench("rescore", out), path, before, "evaluation set other", part)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda content: content["evaluation_sets"]["other"].update(logits="../../x.npz"), "not below the record's"),
        (lambda content: content["evaluation_sets"]["other"].update(logits="/etc/passwd"), "not below the record's"),
        (lambda content: content["evaluation_sets"]["other"].update(logits=None), "names no stored logits"),
        (lambda content: content.update(in_distribution_test="absent"), "absent: has no logits"),
        (
            lambda content: content["configuration"]["resolved"]["evaluation"].update(projection="labels"),
            "evaluation.projection is 'labels'",
        ),
        (lambda content: content.update(schema_version=99), "schema_version is 99"),
        (lambda content: content["scores"].pop("ece"), "ece"),
    ],
    ids=["above", "absolute", "none", "no test set", "projection", "schema", "score missing"],
)
def test_records_that_cannot_be_scored_are_refused(roast_bench, out, change, part):
    path = the_record(out)
    before = edit(path, change)
    assert_refused(roast_bench("rescore", out), path, before, part)


def test_failed_cells_are_passed_over(roast_bench, out):
    path = the_record(out)

    def change(content):
        content["status"] = "failed"
        content["failure"] = {"kind": "ValueError", "message": "no", "traceback": "no"}

    before = edit(path, change)
    done = roast_bench("rescore", out)
    assert (done.code, path.read_bytes()) == (0, before)
    assert "1 of failed cells passed over" in done.out


def test_two_class_sets_are_scored_as_the_record_says(roast_bench, out):
    """A set whose two labels are made of three classes of the model, under either way of merging."""
    path = the_record(out)
    random = np.random.RandomState(0)
    logits, labels = random.normal(size=(30, 3)).astype(np.float32), random.randint(0, 2, 30)
    digest = store_logits(path.parent / "logits" / "other.npz", logits, tuple(labels.tolist()))
    projection = {"labels": ["entailment", "not entailment"], "groups": [[0], [1, 2]]}

    def accuracy(chosen):
        def change(content):
            content["evaluation_sets"]["other"].update(logits_sha256=digest, projection=projection)
            content["configuration"]["resolved"]["evaluation"]["projection"] = chosen

        edit(path, change)
        assert roast_bench("rescore", out).code == 0
        return read_record(path).set_scores["other"]

    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = 100 * ((p[:, 0] < 0.5) == labels).mean()
    assert accuracy("probabilities")["accuracy"].value == pytest.approx(expected)
    expected = 100 * ((logits.argmax(axis=1) > 0) == labels).mean()
    assert accuracy("predictions")["accuracy"].value == pytest.approx(expected)
    assert accuracy("predictions")["nll"].value is None


def test_folders_without_records_are_the_users_mistake(roast_bench, tmp_path):
    for folder, what in ((tmp_path, "no record.json below it"), (tmp_path / "absent", "is not a folder")):
        done = roast_bench("rescore", folder)
        assert done.code == 2
        assert what in done.err


def test_a_record_reached_twice_counts_once(roast_bench, out):
    assert "Records: 1 unchanged." in roast_bench("rescore", out, the_record(out).parent).out


def test_neither_torch_nor_transformers_is_loaded(out):
    code = (
        "import sys; from benchmark.command_line import main\n"
        "try: main()\n"
        "except SystemExit as left: assert not left.code\n"
        "print(sorted({'torch._C', 'transformers', 'textattack', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "rescore", str(out)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"
