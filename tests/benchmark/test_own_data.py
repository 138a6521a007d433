"""Evaluation sets and tasks from a user's own files: scored, part of a cell's identity, and refused when malformed."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas
import pytest

from benchmark.errors import UserError
from benchmark.file_sets import check_pairs, file_fingerprints, training_fingerprint, with_file_sets
from leaderboard.record import find_records, read_record
from tasks import EvaluationSet, Examples, FileSource, HeldOut, Remainder, Role, Task, TransferSet
from tasks.loading import LoadedEvaluation, LoadedTask, Part

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_task.py"

ROWS = 'body,verdict\nthe film is great,positive\n"a dull, poor plot",Negative\nlovely and superb,1\n'
COLUMNS = "text=body,label=verdict"
READ_AS = "text=body, label=verdict"


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


@pytest.fixture
def vanilla(tiny_run):
    return [*tiny_run, "--method", "vanilla"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept") / "out"


@pytest.fixture
def with_a_result(roast_bench, vanilla, tmp_path, kept):
    """The output folder of a run that has finished one cell."""
    if not kept.exists():
        assert roast_bench(*vanilla, "--out", kept).code == 0
    shutil.copytree(kept, tmp_path / "out")
    return tmp_path / "out"


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(done, *parts):
    assert done.code == 2, (done.out, done.err)
    assert done.out == ""
    (line,) = done.err.strip().splitlines()
    for part in parts:
        assert part in line, line


def test_a_file_of_one_s_own_is_scored(roast_bench, vanilla, mine, tmp_path):
    odd = tmp_path / "odd.jsonl"
    odd.write_text('{"text": "tensor"}\n{"text": "matrix kernel"}\n', encoding="utf-8")
    done = roast_bench(*vanilla, "--eval-set", f"mine={mine}:shift:{COLUMNS}", "--eval-set", f"mine-odd={odd}:anomaly")
    assert done.code == 0, done.err
    (path,) = find_records(tmp_path / "out")
    record = read_record(path)
    scored = record.evaluation_sets["mine"]
    assert (scored.role, scored.rows, scored.partial) == ("shift", 3, False)
    texts = ("the film is great", "a dull, poor plot", "lovely and superb")
    assert scored.sha256 == Examples(texts, labels=(1, 0, 1)).sha256()
    assert set(record.scores["acc_shift"].sets) == {"mine", "other"}
    assert set(record.scores["auroc"].sets) == {"mine-odd", "odd"}
    assert record.configuration.given["eval_sets"] == [f"mine={mine}:shift:{COLUMNS}", f"mine-odd={odd}:anomaly"]
    assert "acc_shift: mine, other" in done.out


def test_every_task_of_the_run_gets_the_set(mine):
    from benchmark.plan import plan
    from benchmark.suite import Suite

    suite = Suite(name="mine", tasks=("reviews", "sentiment"), backbones=("minilm",), methods=("vanilla",), seeds=(0,))
    cells = plan(suite, eval_sets=[f"mine={mine}:shift:{COLUMNS}"])
    assert [cell.task.name for cell in cells] == ["reviews", "sentiment"]
    for cell in cells:
        assert cell.task.evaluation_sets[-1].name == "mine"
        assert cell.resolved()["files"]["mine"].endswith(f" as shift, {READ_AS}")


def test_the_same_file_is_the_same_cell_and_another_is_a_new_one(roast_bench, vanilla, mine, tmp_path):
    arguments = [*vanilla, "--eval-set", f"mine={mine}:shift:{COLUMNS}"]
    assert roast_bench(*arguments).code == 0
    (first,) = find_records(tmp_path / "out")
    before = first.read_bytes()
    moved = mine.rename(tmp_path / "moved.csv")
    again = roast_bench(*vanilla, "--eval-set", f"mine={moved}:shift:{COLUMNS}")
    assert "1 already finished" in again.out
    moved.write_text(ROWS + "very weak,negative\n", encoding="utf-8")
    changed = roast_bench(*vanilla, "--eval-set", f"mine={moved}:shift:{COLUMNS}")
    assert "1 finished" in changed.out
    assert first.read_bytes() == before
    assert len(find_records(tmp_path / "out")) == 2
    assert changed.out.count("setting ") == 2, "rows of different data are in tables of their own"


def identity(task, *eval_sets):
    return file_fingerprints(with_file_sets(task, eval_sets, None))


def test_role_and_columns_are_part_of_the_identity(declared, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("text,body,label\na,b,0\n", encoding="utf-8")
    written = [f"mine={path}:{how}" for how in ("shift", "adversarial", "shift:text=body", "shift:text=text")]
    assert len({identity(declared, one)["mine"] for one in written}) == len(written)


@pytest.fixture
def declared(mine):
    """A task with sets of every kind of source."""

    def item(name, role, source):
        return EvaluationSet(name=name, role=role, source=source, origin="made up", licence="none")

    whole = FileSource(path=mine, text="body", label="verdict", labels=("negative", "positive"))
    return Task(
        name="made-up",
        summary="Made up.",
        family="sentiment",
        labels=("negative", "positive"),
        training=Remainder(source=whole, size=1, seed=0),
        training_origin="made up",
        in_distribution_test="in",
        evaluation_sets=(
            item("in", Role.IN_DISTRIBUTION, HeldOut(source=whole, size=1, seed=0)),
            item("attacked", Role.ADVERSARIAL, TransferSet(task="made-up", name="attacked")),
            item("absent", Role.SHIFT, FileSource(path=mine.with_name("absent.csv"))),
        ),
    )


def test_fingerprints_are_of_the_files_that_are_there(declared, mine, tmp_path, monkeypatch):
    import hashlib

    monkeypatch.chdir(tmp_path)
    digest = hashlib.sha256(ROWS.encode()).hexdigest()
    assert file_fingerprints(declared) == {"in": f"{digest} as in-distribution, {READ_AS}"}
    assert training_fingerprint(declared) == {"training data": f"{digest} as {READ_AS}"}
    here = tmp_path / "made" / "made-up" / "attacked.parquet"
    here.parent.mkdir(parents=True)
    here.write_bytes(b"attacked")
    bound = with_file_sets(declared, (), tmp_path / "made")
    assert file_fingerprints(bound)["attacked"] == hashlib.sha256(b"attacked").hexdigest()
    assert "attacked" not in file_fingerprints(declared)


def test_transfer_sets_are_bound_wherever_they_are_a_part_of(declared, tmp_path):
    sets = list(declared.evaluation_sets)
    sets[1] = replace(sets[1], source=HeldOut(source=sets[1].source, size=1, seed=0))
    bound = with_file_sets(replace(declared, evaluation_sets=tuple(sets)), (), tmp_path)
    assert bound.evaluation_sets[1].source.source.folder == tmp_path
    assert bound.evaluation_sets[1].source.size == 1


def test_changed_training_data_are_a_new_cell(tmp_path, roast_bench, tiny_backbone):
    folder = tmp_path / "own"
    shutil.copytree(EXAMPLE.parent / "support_tickets", folder / "support_tickets")
    shutil.copy(EXAMPLE, folder)
    arguments = own_task(folder / EXAMPLE.name, tiny_backbone, tmp_path)
    assert roast_bench(*arguments).code == 0
    assert "1 already finished" in roast_bench(*arguments).out
    with (folder / "support_tickets" / "train.csv").open("a", encoding="utf-8") as file:
        file.write("one more ticket,billing\n")
    assert "1 finished" in roast_bench(*arguments).out


def own_task(plugin, backbone, tmp_path):
    return [
        *("run", "--plugin", plugin, "--task", "support-tickets", "--method", "vanilla", "--backbone", backbone),
        *("--epochs", 2, "--max-length", 32, "--out", tmp_path / "out"),
    ]


def test_the_example_of_a_task_of_one_s_own(roast_bench, tiny_backbone, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # its paths are relative to itself
    done = roast_bench(*own_task(EXAMPLE, tiny_backbone, tmp_path))
    assert done.code == 0, done.err
    (path,) = find_records(tmp_path / "out")
    record = read_record(path)
    found = {name: (item.role, item.rows) for name, item in record.evaluation_sets.items()}
    assert found == {"tickets": ("in-distribution", 48), "chat": ("shift", 36), "other": ("anomaly", 24)}
    assert record.training_data["train"].rows + record.training_data["selection"].rows == 210
    described = roast_bench("describe", "support-tickets", "--plugin", EXAMPLE)
    assert "0 billing, 1 technical, 2 delivery" in described.out


def test_texts_that_are_cut_are_reported_with_their_set(roast_bench, vanilla, tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(f"text,label\n{'very ' * 200}good,1\nbad,0\n{'dull ' * 63},0\n", encoding="utf-8")
    done = roast_bench(*vanilla, "--eval-set", f"mine-long={path}:shift")
    assert done.code == 0, done.err
    lines = [line for line in done.err.splitlines() if "cut" in line]
    assert len(lines) == 1
    assert "tiny" in lines[0]
    assert "2 of 3 in mine-long" in lines[0]
    (record,) = map(read_record, find_records(tmp_path / "out"))
    assert record.evaluation_sets["mine-long"].truncated == 2


def test_nothing_is_said_where_nothing_is_cut(roast_bench, vanilla, mine):
    done = roast_bench(*vanilla, "--eval-set", f"mine={mine}:shift:{COLUMNS}")
    assert done.code == 0
    assert "cut" not in done.err


def test_projection_is_part_of_the_configuration(roast_bench, vanilla, tmp_path):
    assert roast_bench(*vanilla, "--projection", "predictions").code == 0
    (path,) = find_records(tmp_path / "out")
    resolved = json.loads(path.read_text(encoding="utf-8"))["configuration"]["resolved"]
    assert resolved["evaluation"]["projection"] == "predictions"


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("mine", ["write it as NAME=FILE:ROLE"]),
        ("mine.csv:shift", ["write it as NAME=FILE:ROLE"]),
        ("=mine.csv:shift", ["write it as NAME=FILE:ROLE"]),
        ("mine=mine.csv", ["write it as NAME=FILE:ROLE", "mine=reviews.csv:shift:text=body,label=stars"]),
        ("mine=:shift", ["write it as NAME=FILE:ROLE"]),
        ("Mine=mine.csv:shift", ["set name 'Mine'", "lower-case letters"]),
        ("../mine=mine.csv:shift", ["set name '../mine'", "lower-case letters"]),
        ("mine=mine.csv:shfit", ["unknown role 'shfit'", "did you mean 'shift'?", "in-distribution"]),
        ("mine=mine.csv:Shift", ["unknown role 'Shift'", "did you mean 'shift'?"]),
        ("mine=mine.csv:", ["unknown role ''", "adversarial, anomaly, in-distribution, shift"]),
        ("mine=a:b.csv:shift", ["name holds ':'", "rename it"]),
        ("mine=C:\\mine.csv:shift", ["name holds ':'", "rename it"]),
        ("mine=mine.csv:shift:text=a:b", ["a ':' too many", "write it as"]),
        ("lang=en/mine.csv:shift", ["en/mine.csv: there is no such file"]),
        ("mine=mine.csv:shift:body", ["'body' assigns no column", "text=body,label=stars"]),
        ("mine=mine.csv:shift:text=", ["'text=' assigns no column"]),
        ("mine=mine.csv:shift:", ["'' assigns no column"]),
        ("mine=mine.csv:shift:txt=body", ["'txt' is nothing", "did you mean 'text'?"]),
        ("mine=mine.csv:shift:text=a,text=b", ["text is assigned twice"]),
        ("mine=mine.csv:shift:second_text=b", ["second_text is named without text"]),
        ("mine=mine.csv:anomaly:text=body,label=verdict", ["labels of an anomaly set are not read"]),
        ("other=mine.csv:shift", ["task tiny has a set of that name", "'other'"]),
        ("mine=absent.csv:shift", ["absent.csv: there is no such file"]),
        ("mine=.:shift", [".: is a folder"]),
        ("mine=mine.txt:shift", ["mine.txt: its format is not known", ".csv, .tsv, .jsonl or .parquet"]),
    ],
)
def test_sets_that_are_written_wrongly(roast_bench, vanilla, with_a_result, tmp_path, monkeypatch, written, parts):
    monkeypatch.chdir(tmp_path)
    for name in ("mine.csv", "mine.txt"):
        Path(name).write_text(ROWS, encoding="utf-8")
    before = content(with_a_result)
    assert_refused(roast_bench(*vanilla, "--eval-set", written), f"--eval-set {written}: ", *parts)
    assert content(with_a_result) == before


def test_a_name_given_twice(roast_bench, vanilla, with_a_result, mine):
    before = content(with_a_result)
    written = f"mine={mine}:shift:{COLUMNS}"
    done = roast_bench(*vanilla, "--eval-set", written, "--eval-set", written)
    assert_refused(done, f"--eval-set {written}: two sets are given that name", "'mine'")
    assert content(with_a_result) == before


def test_an_equals_sign_in_a_file_s_name(declared, mine, tmp_path):
    (tmp_path / "lang=en").mkdir()
    path = mine.rename(tmp_path / "lang=en" / "mine.csv")
    added = with_file_sets(declared, [f"mine={path}:shift:{COLUMNS}"], None).evaluation_sets[-1]
    assert added.source.path == path


@pytest.mark.parametrize(
    ("name", "text", "parts"),
    [
        ("a.csv", "words,label\na,0\n", ["has no column", "text=…", "'words', 'label'"]),
        ("a.csv", "text,stars\na,0\n", ["has no column of labels", "label=…", "'text', 'stars'"]),
        ("a.csv", "text,review,label\na,b,0\n", ["'text' or 'review'", "text=…"]),
        ("a.csv", "text,label\na,0\nb,postive\n", ["row 2, column 'label'", "'postive'", "did you mean 'positive'?"]),
        ("a.csv", "text,label\na,2\n", ["row 1, column 'label'", "2 is out of range", "0 to 1", "negative, positive"]),
        ("a.csv", "text,label\na,-1\n", ["row 1, column 'label'", "-1 is out of range"]),
        ("a.csv", "text,label\na,0\nb,\n", ["row 2, column 'label' has no label"]),
        ("a.csv", "text,label\na,0\nNaN,1\n", ["row 2, column 'text' has no text"]),
        ("a.csv", "text,label\na,0\n,1\n", ["row 2, column 'text' is not a text"]),
        ("a.csv", 'text,label\na,0\n" ",1\n', ["row 2, column 'text' is not a text"]),
        ("a.jsonl", '{"text": NaN, "label": 0}', ["row 1, column 'text' has no text"]),
        ("a.jsonl", '{"text": "a", "label": 0}\n{"label": 0}', ["row 2, column 'text' has no text"]),
        ("a.csv", b"text,label\na,0\n\xe9t\xe9,1\n", ["is not UTF-8", "position 15", "line 3"]),
        ("a.jsonl", b'{"text": "\xe9"}', ["is not UTF-8", "position 10"]),
        ("a.csv", "text,label\na,0\nb, c,1\n", ["row 2 has 3 fields, the header has 2"]),
        ("a.csv", 'text,label\na,0\n"b,1\n', ["row 2 is malformed"]),
        ("a.jsonl", '{"text": "a", "label": 0}\n{"text": ', ["row 2 is not JSON"]),
        ("a.jsonl", "[1]", ["row 1 is not a JSON object"]),
        ("a.csv", "", ["is empty"]),
        ("a.jsonl", "\n\n", ["is empty"]),
        ("a.parquet", "", ["is empty"]),
        ("a.csv", "text,label\n", ["has no row"]),
        ("a.parquet", "text,label\na,0\n", ["is not a readable Parquet file"]),
        (
            "a.csv",
            "premise,hypothesis,label\na,b,0\n",
            ["set mine:", "column 'premise' with 'hypothesis' holds pairs", "training texts of task tiny are single"],
        ),
    ],
)
def test_malformed_files(roast_bench, vanilla, with_a_result, tmp_path, name, text, parts):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    before = content(with_a_result)
    assert_refused(roast_bench(*vanilla, "--eval-set", f"mine={path}:shift"), str(path), *parts)
    assert content(with_a_result) == before


def test_malformed_parquet_rows(roast_bench, vanilla, with_a_result, tmp_path):
    path = tmp_path / "a.parquet"
    before = content(with_a_result)
    pandas.DataFrame({"text": ["a", float("nan")], "label": [0, 1]}).to_parquet(path)
    done = roast_bench(*vanilla, "--eval-set", f"mine={path}:shift")
    assert_refused(done, f"{path}: row 2, column 'text' has no text.")
    pandas.DataFrame({"text": ["a", "b"], "label": [0, 3]}).to_parquet(path)
    done = roast_bench(*vanilla, "--eval-set", f"mine={path}:shift")
    assert_refused(done, f"{path}: row 2, column 'label': label 3 is out of range;")
    assert content(with_a_result) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(roast_bench, vanilla, mine):
    mine.chmod(0)
    assert_refused(roast_bench(*vanilla, "--eval-set", f"mine={mine}:shift"), str(mine), "cannot be read")


def test_a_file_that_cannot_be_read(declared, mine, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(UserError, match=f"^{re.escape(str(mine))}: cannot be read \\(Permission denied\\)\\.$"):
        file_fingerprints(declared)


def test_a_malformed_file_of_a_plugin_s_task(roast_bench, tiny_backbone, tmp_path):
    shutil.copytree(EXAMPLE.parent / "support_tickets", tmp_path / "support_tickets")
    shutil.copy(EXAMPLE, tmp_path)
    arguments = own_task(tmp_path / EXAMPLE.name, tiny_backbone, tmp_path)
    assert roast_bench(*arguments).code == 0
    before = content(tmp_path / "out")
    test = tmp_path / "support_tickets" / "test.csv"
    whole = test.read_text(encoding="utf-8")
    test.write_text(whole + "more,biling\n", encoding="utf-8")
    done = roast_bench(*arguments)
    assert_refused(done, f"{test}: row 49, column 'label': unknown label 'biling'; did you mean 'billing'?")
    test.unlink()
    assert_refused(roast_bench(*arguments), f"{test}: there is no such file.")
    test.write_text(whole, encoding="utf-8")
    (tmp_path / "support_tickets" / "train.csv").write_text("", encoding="utf-8")
    assert_refused(roast_bench(*arguments), "train.csv: is empty.")
    assert content(tmp_path / "out") == before


def test_a_shift_set_that_is_not_there_is_named_as_missing(roast_bench, tiny_backbone, tmp_path):
    shutil.copytree(EXAMPLE.parent / "support_tickets", tmp_path / "support_tickets")
    shutil.copy(EXAMPLE, tmp_path)
    (tmp_path / "support_tickets" / "chat.csv").unlink()
    done = roast_bench(*own_task(tmp_path / EXAMPLE.name, tiny_backbone, tmp_path))
    assert done.code == 0, done.err
    assert "evaluation set chat is missing" in done.err
    (path,) = find_records(tmp_path / "out")
    assert list(read_record(path).missing_sets) == ["chat"]


SINGLE, PAIRS = Examples(("a",), labels=(0,)), Examples(("a",), ("b",), (0,))


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("pairs", [True, False])
def test_a_set_of_pairs_in_a_task_of_single_texts_and_the_other_way_round(declared, mine, tmp_path, trained, pairs):
    whole, other = (PAIRS, SINGLE) if pairs else (SINGLE, PAIRS)
    header = "text,label\na,0\n" if pairs else "premise,hypothesis,label\na,b,0\n"
    path = tmp_path / "other.csv"
    path.write_text(header, encoding="utf-8")
    task = with_file_sets(declared, [f"mine={path}:shift"], None)
    proper, wrong = Part(whole, 1, False), Part(other, 1, False)
    loaded = {"task": task, "missing": {}}
    if trained:
        kind, loaded = LoadedTask, {**loaded, "training": proper, "selection": proper}
    else:
        kind = LoadedEvaluation
    check_pairs(kind(**loaded, evaluation={"in": proper, "mine": proper}))
    with pytest.raises(UserError) as caught:
        check_pairs(kind(**loaded, evaluation={"in": proper, "mine": wrong}))
    expected = {
        True: f"evaluation set mine: {path}: column 'text' holds single texts; ",
        False: f"evaluation set mine: {path}: column 'premise' with 'hypothesis' holds pairs; ",
    }
    assert str(caught.value).startswith(expected[pairs])
    assert ("training texts" if trained else "texts of in") in str(caught.value)


def test_anomalies_may_be_pairs_or_single_texts(declared, mine):
    task = with_file_sets(declared, [f"odd={mine}:anomaly:text=body"], None)
    parts = {"in": Part(SINGLE, 1, False), "odd": Part(Examples(("a",), ("b",)), 1, False)}
    check_pairs(LoadedEvaluation(task=task, missing={}, evaluation=parts))
