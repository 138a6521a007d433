"""Live attacks of `roast-bench run` and `evaluate`: which set, which text of a pair, which seed."""

import os
from pathlib import Path

import nltk
import pyarrow.parquet
import pytest
from elsewhere import fine_tuned

from benchmark.attacks.run import run_attack
from leaderboard.record import find_records, read_record

MIRROR = Path(os.environ.get("ROAST_BENCH_MIRROR") or Path(__file__).parents[2].parent / "shared" / "mirror")

BROKEN_SET = """
from tasks import Unavailable


class Gone:
    def load(self, mirror):
        raise Unavailable("the mirror has no file gone.parquet.")


@register_task("gaps")
def gaps():
    whole = tiny()
    sets = (*whole.evaluation_sets, EvaluationSet(name="gone", role=Role.SHIFT, source=Gone(), **CARD))
    return Task(**{**{key: getattr(whole, key) for key in whole.__dict__}, "name": "gaps", "evaluation_sets": sets})
"""


@pytest.fixture
def run_without_attack(tiny_run):
    at = tiny_run.index("--attack")
    return [*tiny_run[:at], *tiny_run[at + 2 :], "--method", "vanilla", "--epochs", "1"]


def test_set_and_seed_are_chosen(roast_bench, run_without_attack, tmp_path):
    choices = ["--attack", "deepwordbug:3:10,deepwordbug:2:5", "--attack-set", "other", "--attack-seed", "4"]
    done = roast_bench(*run_without_attack, *choices)
    assert done.code == 0, done.err
    (path,) = find_records(tmp_path / "out")
    attacks = read_record(path).attacks
    assert [(a.evaluation_set, a.seed, a.examples, a.max_queries, a.field) for a in attacks] == [
        ("other", 4, 3, 10, None),
        ("other", 4, 2, 5, None),
    ]
    assert [a.texts for a in attacks] == [
        "attacks/deepwordbug-3-10-seed-4_on-other.parquet",
        "attacks/deepwordbug-2-5-seed-4_on-other.parquet",
    ]
    for attack in attacks:
        assert pyarrow.parquet.read_table(path.parent / attack.texts).num_rows == attack.examples


@pytest.mark.parametrize("verb", ["run", "evaluate"])
def test_the_number_of_workers_is_no_part_of_the_configuration(
    verb, roast_bench, run_without_attack, evaluate, monkeypatch, tmp_path
):
    asked = []

    def noting(*arguments, workers, **options):
        asked.append(workers)
        return run_attack(*arguments, workers=workers, **options)

    monkeypatch.setattr("benchmark.live_attacks.run_attack", noting)
    arguments = [*(run_without_attack if verb == "run" else evaluate), "--attack", "deepwordbug:3:10"]
    assert roast_bench(*arguments, "--attack-workers", "2").code == 0
    (path,) = find_records(tmp_path / "out")
    before = path.read_bytes()
    assert roast_bench(*arguments).code == 0
    assert asked == [2], "the cell is finished already"
    assert b"attack_workers" not in before
    refused = roast_bench(*arguments, "--attack-workers", "many")
    assert refused.code == 2
    assert "--attack-workers" in refused.err


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        (["--attack", "deepwordbug", "--attack-set", "othr"], ["deepwordbug on othr", "did you mean 'other'"]),
        (["--attack", "deepwordbug", "--attack-set", "odd"], ["deepwordbug on odd", "no labels", "other, test"]),
        (["--attack", "deepwordbug", "--attack-set", "gone"], ["deepwordbug on gone", "missing", "gone.parquet"]),
        (["--attack", "deepwordbug", "--attack-seed", "-1"], ["seed", "greater than or equal to 0"]),
        (["--attack", "deepwordbug", "--attack-field", "both-of-them"], ["--attack-field", "both"]),
        (["--attack-seed", "3"], ["--attack-seed 3", "--attack"]),
        (["--attack", "none", "--attack-field", "premise"], ["--attack-field premise", "--attack"]),
    ],
)
def test_what_cannot_be_attacked_is_refused_before_training(
    choices, said, roast_bench, run_without_attack, plugin: Path, tmp_path
):
    with plugin.open("a", encoding="utf-8") as file:
        file.write(BROKEN_SET)
    done = roast_bench(*("gaps" if item == "tiny" else item for item in run_without_attack), *choices)
    assert done.code == 2
    lines = done.err.strip().splitlines()
    for part in said:
        assert part in " ".join(lines)
    assert not find_records(tmp_path / "out")
    assert not (tmp_path / "out" / "gaps").exists()


@pytest.fixture
def evaluate(plugin, tiny_backbone, tmp_path):
    checkpoint = fine_tuned(tiny_backbone, tmp_path / "mine", ["negative", "positive"])
    return ["evaluate", checkpoint, "--plugin", plugin, "--task", "tiny", "--max-length", 64, "--out", tmp_path / "out"]


def test_a_checkpoint_is_attacked_with_the_same_options(roast_bench, evaluate, tmp_path):
    done = roast_bench(*evaluate, "--attack", "deepwordbug:3:10", "--attack-set", "other", "--attack-seed", "4")
    assert done.code == 0, done.err
    (attack,) = read_record(find_records(tmp_path / "out")[0]).attacks
    assert (attack.evaluation_set, attack.seed, attack.examples) == ("other", 4, 3)


def test_a_mirror_brings_the_nltk_data_for_attacks_on_a_checkpoint(roast_bench, evaluate, monkeypatch, tmp_path):
    if not (MIRROR / "nltk_data" / "corpora" / "wordnet").is_dir():
        pytest.skip(f"no NLTK data in {MIRROR}; name a mirror in ROAST_BENCH_MIRROR")
    monkeypatch.delenv("ROAST_BENCH_MIRROR", raising=False)
    monkeypatch.setenv("NLTK_DATA", str(tmp_path))
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    refused = roast_bench(*evaluate, "--attack", "pwws:2:10")
    assert refused.code == 2
    assert "WordNet" in refused.err
    done = roast_bench(*evaluate, "--attack", "pwws:2:10", "--mirror", MIRROR)
    assert done.code == 0, done.err
    assert [attack.recipe for attack in read_record(find_records(tmp_path / "out")[0]).attacks] == ["pwws"]
