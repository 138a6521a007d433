"""`roast-bench attack`: one set attacked, its texts kept, other models scored on them."""

from __future__ import annotations

import json

import pyarrow.parquet
import pytest
from elsewhere import fine_tuned
from test_user_mistakes import assert_one_line

from benchmark.attacks.run import run_attack
from benchmark.attacks.worker_processes import cores
from leaderboard.record import find_records, read_record
from tasks.table_file import PROVENANCE_KEY

DECLARED = '''
from dataclasses import replace

from tasks import TransferSet


@register_task("tiny-transfer")
def tiny_transfer():
    """The same sentences, and a transfer set."""
    task = tiny()
    source = TransferSet(task="tiny-transfer", name="from-another")
    added = EvaluationSet(name="from-another", role=Role.ADVERSARIAL, source=source, **CARD)
    return replace(task, name="tiny-transfer", evaluation_sets=(*task.evaluation_sets, added))


@register_task("tiny-pairs")
def tiny_pairs():
    """Pairs."""
    single = tiny()

    def pairs(source):
        given = source.load(None).examples
        return PackageSource(
            package="none", read=lambda: Examples(given.texts, tuple(f"a {text}" for text in given.texts), given.labels)
        )

    sets = tuple(replace(item, source=pairs(item.source)) for item in single.evaluation_sets)
    return replace(single, name="tiny-pairs", training=pairs(single.training), evaluation_sets=sets)
'''


@pytest.fixture(scope="module")
def victim(tiny_backbone, tmp_path_factory):
    return fine_tuned(tiny_backbone, tmp_path_factory.mktemp("elsewhere") / "victim", ["positive", "negative"])


@pytest.fixture(scope="module")
def other(tiny_backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere") / "other"
    return fine_tuned(tiny_backbone, folder, ["negative", "positive"], seed=3)


@pytest.fixture
def given(plugin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plugin.write_text(plugin.read_text(encoding="utf-8") + DECLARED, encoding="utf-8")
    return ["--plugin", plugin, "--max-length", 64]


@pytest.fixture
def attack(roast_bench, given):
    def invoke(checkpoint, *options):
        return roast_bench("attack", checkpoint, "--task", "tiny", "--attack", "deepwordbug:8:60", *given, *options)

    return invoke


def attacked_rows(folder):
    (path,) = folder.glob("runs/attacks/**/deepwordbug.parquet")
    return pyarrow.parquet.read_table(path).to_pylist()


def test_the_successful_texts_become_a_set_that_other_models_are_scored_on(
    attack, roast_bench, victim, other, given, tmp_path
):
    done = attack(victim, "--save-set", "from-victim", "--name", "the victim")
    assert done.code == 0, done.err
    path = "transfer-sets/tiny/from-victim.parquet"
    table = pyarrow.parquet.read_table(tmp_path / path)
    succeeded = [row for row in attacked_rows(tmp_path) if row["outcome"] == "succeeded"]
    assert len(succeeded) > 0
    assert table.to_pylist() == [{"text": row["attacked_text"], "label": row["label"]} for row in succeeded]
    option = f"from-victim={path}:adversarial"
    assert f"--eval-set {option}" in done.out

    provenance = json.loads(table.schema.metadata[PROVENANCE_KEY])
    assert provenance["model"] == "the victim"
    assert provenance["model_identity"].startswith("sha256:")
    wanted = {"recipe": "deepwordbug", "examples": "8", "max_queries": "60", "seed": "0", "evaluation_set": "test"}
    assert {key: provenance[key] for key in wanted} == wanted
    assert "field" not in provenance

    scored = roast_bench("evaluate", other, "--task", "tiny", *given, "--eval-set", option, "--out", "out")
    assert scored.code == 0, scored.err
    (record,) = map(read_record, find_records(tmp_path / "out"))
    found = record.evaluation_sets["from-victim"]
    assert found.provenance == provenance
    assert found.rows == len(succeeded)
    assert record.scores["acc_adv"].sets == ("from-victim",)

    on_itself = roast_bench("evaluate", victim, "--task", "tiny", *given, "--eval-set", option, "--out", "itself")
    assert on_itself.code == 0, on_itself.err
    (record,) = map(read_record, find_records(tmp_path / "itself"))
    assert record.scores["acc_adv"].value == 0.0, "every one of its texts fooled this model"


def test_equal_texts_from_another_model_are_other_data(attack, victim, tmp_path):
    assert attack(victim, "--save-set", "one", "--name", "one").code == 0
    assert attack(victim, "--save-set", "two", "--name", "two").code == 0
    from tasks import TransferSet
    from tasks.loading import Part

    loaded = [TransferSet(task="tiny", name=name).load(None) for name in ("one", "two")]
    assert loaded[0].examples == loaded[1].examples
    one, two = (Part(item.examples, len(item.examples), False, item.provenance).sha256 for item in loaded)
    assert one != two


def test_accuracy_and_success_rate_are_those_of_the_texts(attack, victim, tmp_path):
    summary = json.loads(attack(victim, "--json").out)
    rows = attacked_rows(tmp_path)
    right = [row for row in rows if row["prediction_before"] == row["label"]]
    failed = [row for row in rows if row["outcome"] == "failed"]
    succeeded = [row for row in rows if row["outcome"] == "succeeded"]
    assert len(rows) == 8
    assert summary["accuracy_before"] == pytest.approx(100 * len(right) / 8)
    assert summary["result"]["accuracy_under_attack"]["value"] == pytest.approx(100 * len(failed) / 8)
    assert summary["result"]["attack_success_rate"]["value"] == pytest.approx(100 * len(succeeded) / len(right))
    assert summary["transfer_set"] is None


def test_an_attack_that_was_made_is_not_made_again(attack, victim, tmp_path, monkeypatch):
    assert attack(victim).code == 0
    monkeypatch.setattr("benchmark.live_attacks.attack", lambda *_: pytest.fail("it attacked again"))
    again = attack(victim, "--save-set", "later")
    assert again.code == 0, again.err
    assert "earlier run" in again.out
    assert (tmp_path / "transfer-sets" / "tiny" / "later.parquet").is_file()


def test_the_number_of_workers_is_no_part_of_the_attack(attack, victim, tmp_path, monkeypatch):
    asked = []

    def noting(*arguments, workers, **options):
        asked.append(workers)
        return run_attack(*arguments, workers=workers, **options)

    monkeypatch.setattr("benchmark.live_attacks.run_attack", noting)
    for options in (["--attack-workers", 1], ["--attack-workers", 3], []):
        assert attack(victim, *options, "--out", f"out-{len(asked)}").code == 0
    assert asked == [1, 3, cores()]
    files = [sorted(tmp_path.glob(f"out-{number}/tiny/*/*/**/*.parquet")) for number in range(3)]
    assert len({(path.parent.parent.name, path.read_bytes()) for paths in files for path in paths}) == 1
    assert [len(paths) for paths in files] == [1, 1, 1]
    assert attack(victim, "--attack-workers", 2, "--out", "out-0").code == 0
    assert len(asked) == 3, "made by an earlier run"


def test_another_seed_set_or_budget_is_another_attack(attack, victim, tmp_path):
    for options in ([], ["--seed", 1], ["--on", "other"], ["--attack", "deepwordbug:7:60"], ["--name", "x"]):
        assert attack(victim, *options).code == 0
    assert len(list(tmp_path.glob("runs/attacks/tiny/*/deepwordbug-*/attack.json"))) == 5


def test_a_set_that_came_about_otherwise_is_only_replaced_by_force(attack, victim, tmp_path, monkeypatch):
    assert attack(victim, "--save-set", "mine").code == 0
    path = tmp_path / "transfer-sets" / "tiny" / "mine.parquet"
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert attack(victim, "--save-set", "mine").code == 0
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before

    with monkeypatch.context() as patched:
        patched.setattr("benchmark.live_attacks.attack", lambda *_: pytest.fail("it attacked before it looked"))
        refused = attack(victim, "--save-set", "mine", "--seed", 1)
    assert_one_line(refused, "--save-set mine", "mine.parquet", "seed: 0 there, 1 here", "--force")
    path.write_text("something else", encoding="utf-8")
    assert_one_line(attack(victim, "--save-set", "mine"), "mine.parquet", "another way", "--force")
    assert path.read_text(encoding="utf-8") == "something else"
    assert attack(victim, "--save-set", "mine", "--force").code == 0
    assert path.read_bytes() == before[0]


def test_no_successful_text_writes_nothing(attack, victim, tmp_path):
    done = attack(victim, "--attack", "deepwordbug:8:1", "--save-set", "none")
    assert done.code == 2
    assert "no attack succeeded" in done.err
    assert "Accuracy under attack" in done.out, "what was found is shown all the same"
    assert not (tmp_path / "transfer-sets").exists()


def test_a_declared_transfer_set_is_missing_by_name_until_it_is_made(
    roast_bench, tiny_run, attack, victim, given, tmp_path
):
    arguments = [*tiny_run, "--task", "tiny-transfer", "--epochs", 1, "--method", "vanilla"]
    arguments.remove("tiny")
    del arguments[arguments.index("--task")]
    assert roast_bench(*arguments).code == 0
    (path,) = find_records(tmp_path / "out")
    why = read_record(path).missing_sets["from-another"]
    assert "roast-bench attack CHECKPOINT --task tiny-transfer --attack RECIPE --save-set from-another" in why

    made = roast_bench(
        "attack",
        victim,
        "--task",
        "tiny-transfer",
        "--attack",
        "deepwordbug:8:60",
        "--save-set",
        "from-another",
        *given,
    )
    assert made.code == 0, made.err
    assert "Task tiny-transfer includes it by itself." in made.out
    assert roast_bench(*arguments).code == 0
    (found,) = [read_record(path) for path in find_records(tmp_path / "out") if not read_record(path).missing_sets]
    assert found.evaluation_sets["from-another"].provenance["model"] == "victim"
    assert found.scores["acc_adv"].sets == ("from-another",)


@pytest.mark.parametrize(("field", "changed"), [("premise", {0}), ("hypothesis", {1})])
def test_the_chosen_text_of_a_pair_is_attacked(roast_bench, victim, given, tmp_path, field, changed):
    done = roast_bench(
        "attack", victim, "--task", "tiny-pairs", "--attack", "deepwordbug:6:80", "--field", field,
        "--save-set", "pairs", *given,
    )  # fmt: skip
    assert done.code == 0, done.err
    rows = [row for row in attacked_rows(tmp_path) if row["outcome"] == "succeeded"]
    parts = (("original_text", "attacked_text"), ("original_second_text", "attacked_second_text"))
    found = {part for row in rows for part, (before, after) in enumerate(parts) if row[before] != row[after]}
    assert found == changed
    table = pyarrow.parquet.read_table(tmp_path / "transfer-sets" / "tiny-pairs" / "pairs.parquet")
    assert table.column_names == ["text", "second_text", "label"]
    assert json.loads(table.schema.metadata[PROVENANCE_KEY])["field"] == field


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--on", "tests"], ["on tests", "no such evaluation set", "did you mean 'test'?"]),
        (["--on", "odd"], ["on odd", "has no labels", "other, test"]),
        (["--save-set", "Mine"], ["--save-set Mine", "lower-case"]),
        (["--save-set", "../mine"], ["--save-set ../mine", "lower-case"]),
        (["--save-set", "other"], ["--save-set other", "has a set of that name"]),
        (["--field", "premise"], ["--field premise", "no pairs"]),
        (["--field", "second"], ["--field", "hypothesis"]),
        (["--attack-workers", "0"], ["--attack-workers", "greater than or equal to 1"]),
        (["--seed", "-1"], ["--attack: seed", "greater than or equal to 0"]),
        (["--attack", "deepwordbugs"], ["unknown attack 'deepwordbugs'", "did you mean 'deepwordbug'?"]),
        (["--attack", "deepwordbug:3,deepwordbug:4"], ["name one attack"]),
        (["--attack", "deepwordbug:x"], ["--attack deepwordbug:x", "RECIPE:TEXTS:QUERIES"]),
        (["--attack", "none"], ["--attack none", "name one attack"]),
        (["--attack", "input-reduction", "--save-set", "mine"], ["input-reduction keeps the predicted class"]),
        (["--max-length", "65"], ["--max-length is 65", "64 positions"]),
        (["--labels", "negative"], ["--labels negative"]),
        (["--mirror", "nowhere"], ["--mirror nowhere", "no such folder"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_mistakes_on_the_command_line(attack, victim, tmp_path, options, parts):
    assert_one_line(attack(victim, *options), *parts)
    assert not list(tmp_path.glob("runs/**/*.parquet"))
    assert not (tmp_path / "transfer-sets").exists()


def test_a_folder_for_sets_that_cannot_be_made(attack, victim, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setattr("benchmark.live_attacks.attack", lambda *_: pytest.fail("it attacked before it looked"))
    done = attack(victim, "--save-set", "mine", "--transfer-sets", "file")
    assert_one_line(done, "--save-set mine", "file", "cannot be written", "--transfer-sets")


def test_a_damaged_result_of_an_earlier_attack(attack, victim, tmp_path):
    assert attack(victim).code == 0
    (path,) = tmp_path.glob("runs/attacks/**/attack.json")
    path.write_text("{", encoding="utf-8")
    assert_one_line(attack(victim), "attack.json", "move its folder away")


def test_an_interrupted_attack_goes_on_where_it_was(attack, victim, tmp_path, monkeypatch):
    from benchmark.progress import Reporter

    whole = attack(victim, "--out", "whole", "--save-set", "whole")
    assert whole.code == 0, whole.err
    done = []

    def interrupted(self, units=1):
        done.append(units)
        if len(done) == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Reporter, "advance", interrupted)
        broken = attack(victim, "--save-set", "broken")
    assert broken.code == 130
    assert not (tmp_path / "transfer-sets" / "tiny" / "broken.parquet").exists()
    resumed = attack(victim, "--save-set", "broken")
    assert resumed.code == 0, resumed.err
    assert "attacked by an interrupted run" in resumed.err
    sets = [(tmp_path / "transfer-sets" / "tiny" / f"{name}.parquet").read_bytes() for name in ("whole", "broken")]
    assert sets[0] == sets[1]
