"""A submission in which everything is right, and one thing broken at a time."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic_core import from_json
from restored_registries import restored_registries
from tiny_cells import PLUGIN

from benchmark.plan import plan
from benchmark.planned import hash_of
from benchmark.plugins import load_plugin
from benchmark.progress import Reporter
from benchmark.publish import CHANGES_FILE
from benchmark.rescoring import compute_scores
from benchmark.run import run_cells
from benchmark.scoring import perspectives
from benchmark.stored_logits import read_logits, store_logits
from benchmark.submissions.check import Checked, check_submission
from benchmark.suite import AttackSettings, Suite, TrainingSettings
from leaderboard.checksum import with_checksum
from leaderboard.compact_logits import compact
from leaderboard.record import RECORD_FILE, Record, find_records, read_record
from leaderboard.rendered_files import FORMATS
from leaderboard.write import write_leaderboard
from tasks import Role

RESULTS = Path(__file__).parents[3] / "leaderboard" / "results"
Change = Callable[[dict[str, Any]], None]
SUITE = {
    "name": "tiny",
    "tasks": ("tiny",),
    "methods": ("vanilla",),
    "seeds": (0, 1),
    "training": TrainingSettings(epochs=2, batch_size=8, learning_rate=0.003, max_length=64),
    "attacks": (AttackSettings(recipe="deepwordbug", examples=6, max_queries=20),),
}


@pytest.fixture(scope="module")
def one_submission(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Path:
    folder = tmp_path_factory.mktemp("submitted") / "out"
    with restored_registries(), Reporter() as reporter:
        load_plugin(PLUGIN)
        run_cells(plan(Suite(**SUITE, backbones=(str(tiny_backbone),))), folder, reporter)
    for path in find_records(folder):  # a checkout in which somebody works has uncommitted changes
        rewrite(path, lambda content: content["code"].update(dirty=False))
    return folder


@pytest.fixture(autouse=True)
def task_known() -> Iterator[None]:
    load_plugin(PLUGIN)
    yield
    for name in [name for name in sys.modules if name.startswith("roast_bench_plugin")]:
        del sys.modules[name]


@pytest.fixture
def submitted(one_submission: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(one_submission, tmp_path / "submitted"))


def rewrite(path: Path, change: Change) -> None:
    """Let the record be one that was written so."""
    content = from_json(path.read_bytes())
    change(content)
    path.write_bytes(with_checksum(content))


def first(folder: Path) -> Path:
    return find_records(folder)[0]


def check(folder: Path, *, without_logits: bool = False, mirror: Path | None = None) -> Checked:
    return check_submission([folder], mirror=mirror, without_logits=without_logits, on_record=lambda: None)


def problem_of(
    folder: Path, path: Path | None = None, *, without_logits: bool = False, mirror: Path | None = None
) -> str:
    """The only thing found wrong."""
    ((refused, problem),) = check(folder, without_logits=without_logits, mirror=mirror).refused.items()
    assert refused == (path or first(folder))
    return problem


def test_nothing_is_wrong_with_what_a_run_leaves(submitted: Path) -> None:
    checked = check(submitted)
    assert checked.refused == {}
    assert len(checked.accepted) == 2


def test_the_command(submitted: Path, roast_bench: Callable[..., Any]) -> None:
    done = roast_bench("submit", "check", submitted, "--plugin", PLUGIN)
    assert (done.code, done.out) == (0, "Records: 2 of 2 without a problem.\n")
    rewrite(first(submitted), lambda content: content["scores"]["ece"].update(value=0.0))
    done = roast_bench("submit", "check", submitted, "--plugin", PLUGIN)
    assert done.code == 2
    assert done.out == "Records: 1 of 2 without a problem.\n"
    assert f"{first(submitted)}: scores.ece is 0.000000, the logits give" in done.err.splitlines()[-1]
    done = roast_bench("submit", "check", submitted, "--plugin", PLUGIN, "--json")
    content = json.loads(done.out)
    assert (len(content["accepted"]), list(content["refused"])) == (1, [str(first(submitted))])
    done = roast_bench("submit", "check", submitted.parent / "nowhere")
    assert (done.code, "is not a folder" in done.err) == (2, True)


def resolved(change: Change) -> Change:
    """A change of the configuration, and everything that must follow it but what the test is about."""

    def changed(content: dict[str, Any]) -> None:
        change(content["configuration"]["resolved"])
        content["cell"]["config_hash"] = hash_of(content["configuration"]["resolved"])

    return changed


def in_all(change: Change) -> Change:
    """A change of what perspectives are the means of, and the perspectives that follow from it."""

    def changed(content: dict[str, Any]) -> None:
        change(content)
        record = Record.model_validate(content)
        roles = {name: Role(item.role) for name, item in record.evaluation_sets.items()}
        found = perspectives(roles, record.set_scores, record.attacks)
        content["scores"] = {key: score.model_dump(mode="json") for key, score in found.items()}

    return changed


CHANGES: dict[str, tuple[Change, str]] = {
    "failed": (
        lambda c: c.update(status="failed", failure={"kind": "E", "message": "m", "traceback": "t"}),
        "is of a cell that failed",
    ),
    "newer code": (lambda c: c["code"].update(version="99.0"), "code.version is '99.0', newer than this roast-bench"),
    "no version": (lambda c: c["code"].update(version="<b>"), "which is no version"),
    "dirty": (lambda c: c["code"].update(dirty=True), "uncommitted changes"),
    "a package": (lambda c: c["packages"].pop("torch"), "packages: lacks the version of torch"),
    "a time": (lambda c: c.update(started="yesterday"), "no time in ISO 8601"),
    "the future": (lambda c: c.update(started="2999-01-01T00:00:00+00:00"), "in the future"),
    "another zone": (lambda c: c.update(started="2026-01-01T00:00:00+02:00"), "it must be UTC, as 2026"),
    "an odd time": (lambda c: c.update(started="2026-W01-1T00:00:00+00:00"), "it must be UTC, as 2026"),
    "no zone": (lambda c: c.update(started="2026-01-01T00:00:00"), "no time zone"),
    "schema": (lambda c: c.update(more=1), "more: Extra inputs are not permitted"),
    "schema version": (lambda c: c.update(schema_version=2), "schema_version is 2"),
    "hash": (lambda c: c["configuration"]["resolved"].update(seed=7), "but configuration.resolved hashes to"),
    "suite": (lambda c: c["cell"].update(suite="../<b>"), "cell.suite is '../<b>'; names are lower-case letters"),
    "threads": (
        lambda c: c["machine"].update(threads=0),
        "machine.threads: Input should be greater than or equal",
    ),
    "cut texts": (lambda c: c["attacks"][0].update(truncated=7), "7 of 6 texts were cut"),
    "seed": (lambda c: c["cell"].update(seed=7), "cell.seed is 7, configuration.resolved.seed 0"),
    "folder": (resolved(lambda r: r.update(more=1)), "does not lie in tiny/tiny-bert/vanilla/seed-0-"),
    "an unknown set": (
        lambda c: c["evaluation_sets"].update(oher=c["evaluation_sets"].pop("other")),
        "task tiny has no such set; did you mean 'other'?",
    ),
    "role": (lambda c: c["evaluation_sets"]["other"].update(role="adversarial"), "the task's is shift"),
    "rows": (lambda c: c["evaluation_sets"]["other"].update(rows_available=3), "30 rows were used of 3"),
    "a hidden set": (lambda c: c["evaluation_sets"].pop("odd"), "lacks odd, and missing_sets does not say why"),
    "test set": (lambda c: c.update(in_distribution_test="other"), "in_distribution_test is 'other', not 'test'"),
    "logits of another": (
        lambda c: c["evaluation_sets"]["other"].update(logits_sha256="0" * 64),
        "it is not what was scored",
    ),
    "path": (lambda c: c["evaluation_sets"]["other"].update(logits="../../../x.npz"), "are not below the record's"),
    "a score": (lambda c: c["scores"]["acc_in"].update(value=99.0), "scores.acc_in is 99.000000, the logits give"),
    "a set's score": (
        lambda c: c["set_scores"]["odd"]["auroc"].update(value=1.0),
        "set_scores.odd.auroc is 1.000000, the logits give",
    ),
    "direction": (lambda c: c["scores"]["ece"].update(higher_is_better=True), "scores.ece is"),
    "compact": (
        lambda c: c["evaluation_sets"]["odd"].update(compact_logits=compact(np.ones((3, 2)), None).model_dump()),
        "evaluation_sets.odd.compact_logits are not those of logits/odd.npz",
    ),
    "counts": (lambda c: c["attacks"][0].update(skipped=5), "are not 6 texts"),
    "bits": (
        lambda c: c["attacks"][0].update(held_out=base64.b64encode(b"\xff").decode()),
        "held_out has",
    ),
    "no bits": (lambda c: c["attacks"][0].update(held_out=None), "held_out is missing"),
    "queries": (lambda c: c["attacks"][0].update(queries=10_000), "10,000 queries, allowed are 20"),
    "attacked field": (
        in_all(lambda c: c["attacks"][0].update(field="premise")),
        "field is 'premise', configured was",
    ),
    "no accuracy under attack": (
        in_all(lambda c: c["attacks"][0]["accuracy_under_attack"].update(value=None, reason="lost")),
        "accuracy_under_attack is None, for 6 texts",
    ),
    "direction of an attack": (
        lambda c: c["attacks"][0]["accuracy_under_attack"].update(higher_is_better=False),
        "accuracy_under_attack is in percent, and higher is better",
    ),
    "texts": (lambda c: c["attacks"][0].update(texts_sha256="0" * 64), "does not have the sha256"),
    "steps": (lambda c: c["training"].update(steps=1), "training.steps is 1; 2 epochs of the training data are"),
    "kept": (lambda c: c["training"].update(kept_epoch=9), "training.kept_epoch is 9, of 2 epochs"),
    "epochs": (lambda c: c["training"].update(selection_accuracy=[50.0]), "has 1 values, for 2 epochs"),
    "too fast": (lambda c: c["training"].update(seconds=1e-9), "training.seconds is 1e-09"),
    "memory": (lambda c: c.update(peak_memory_bytes=-1), "peak_memory_bytes is -1"),
    "seconds": (lambda c: c["seconds"].update(scoring=1e10), "seconds.scoring is 10000000000.0"),
    "no sha256": (lambda c: c["evaluation_sets"]["odd"].update(sha256="<b>"), "sha256 is '<b>', which is no sha256"),
    "training on more": (
        lambda c: c["training_data"].update({"<b>": c["training_data"]["train"]}),
        "training_data: has '<b>', which is neither train nor selection",
    ),
    "attacked set": (lambda c: c["attacks"][0].update(evaluation_set="other"), "evaluation_set is 'other', configured"),
    "an attack left out": (lambda c: c.update(attacks=[]), "scores.acc_adv"),
    "success": (
        lambda c: c["attacks"][0]["attack_success_rate"].update(value=0.125),
        "attack_success_rate is 0.125",
    ),
    "texts are a folder": (lambda c: c["attacks"][0].update(texts="logits"), "logits cannot be read (Is a directory)"),
    "texts are long": (lambda c: c["attacks"][0].update(texts="x" * 5_000), "are not below the record's folder"),
    "no training": (lambda c: c.update(training=None), "training is missing"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_first_thing_wrong_is_named(submitted: Path, name: str) -> None:
    change, expected = CHANGES[name]
    rewrite(first(submitted), change)
    assert expected in problem_of(submitted)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda r: r.pop("hyper_parameters"), "hyper_parameters is missing"),
        (lambda r: r["training"].pop("epochs"), "configuration.resolved.training: lacks epochs"),
        (lambda r: r["training"].update(epoch=1), "configuration.resolved.training.epoch: did you mean 'epochs'?"),
        (lambda r: r["training"].update(epochs=0), "greater than or equal to 1"),
        (lambda r: r["training"].update(batch_size="8"), "batch_size Input should be a valid integer"),
        (lambda r: r["training"].update(epochs=True), "epochs Input should be a valid integer"),
        (lambda r: r["training"].update(train_size="32"), "train_size Input should be a valid integer"),
        (lambda r: r.update(checkpoint="x"), "configuration.resolved.checkpoint is missing its identity"),
        (lambda r: r.update(checkpoint={"identity": "x", "name": "vanilla"}), "but in the place of 'vanilla'"),
        (lambda r: r.update(method_source="x"), "made with the plug-in 'x', but here it is part of roast-bench"),
        (lambda r: r.update(attacks=[]), "attacks: has 1, configured are 0"),
        (lambda r: r.pop("attacks"), "configuration.resolved.attacks is missing"),
    ],
)
def test_a_configuration_that_is_not_whole(submitted: Path, change: Change, expected: str) -> None:
    path = first(submitted)
    rewrite(path, resolved(change))
    moved = path.parent.rename(path.parent.with_name(f"seed-0-{from_json(path.read_bytes())['cell']['config_hash']}"))
    assert expected in problem_of(submitted, moved / "record.json")


def moved_to(path: Path, backbone: str, method: str, seed: int) -> Path:
    """Let the record be one of another cell, in the folder of that."""

    def change(content: dict[str, Any]) -> None:
        inner = content["configuration"]["resolved"]
        inner["backbone"]["name"] = content["cell"]["backbone"] = backbone
        inner["method"] = content["cell"]["method"] = method
        inner["seed"] = content["cell"]["seed"] = seed
        content["cell"]["config_hash"] = hash_of(inner)

    rewrite(path, change)
    cell = from_json(path.read_bytes())["cell"]
    target = path.parents[3] / backbone / method / f"seed-{seed}-{cell['config_hash']}"
    target.parent.mkdir(parents=True, exist_ok=True)
    return path.parent.rename(target) / "record.json"


@pytest.mark.parametrize(
    ("backbone", "method", "seed", "expected"),
    [
        ("tiny-bert", "vanilla", -1, "cell.seed is -1"),
        ("minilm", "vanilla", 0, "is not minilm: its weights have another sha256"),
        ("tiny-bert", "v\u0430nilla", 0, "names are lower-case letters and digits"),
    ],
)
def test_a_cell_that_is_none(submitted: Path, backbone: str, method: str, seed: int, expected: str) -> None:
    moved = moved_to(first(submitted), backbone, method, seed)
    assert expected in problem_of(submitted, moved)


def test_a_changed_byte_and_a_missing_checksum(submitted: Path) -> None:
    path = first(submitted)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"seed": 0', b'"seed": 1', 1))
    assert "is not what its checksum says" in problem_of(submitted)
    path.write_text(json.dumps({**from_json(content), "checksum": None}), encoding="utf-8")
    assert "has no checksum" in problem_of(submitted)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a": 1, "a": 2}', "has the key 'a' twice"),
        (b'{"a": NaN}', "has the number NaN"),
        (b'{"a": -Infinity}', "has the number -Infinity"),
        (b"[" * 100_000, "is nested absurdly deep"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[1, 2]", "is a JSON list, no record"),
        (b'{"schema', "is not JSON"),
        (b"{}", "has no schema_version"),
        (b'{"schema_version": ' + b"9" * 5_000 + b"}", "is not JSON"),
    ],
)
def test_other_json(submitted: Path, text: bytes, expected: str) -> None:
    first(submitted).write_bytes(text)
    assert expected in problem_of(submitted)


def test_absurdly_large_and_other_files(submitted: Path) -> None:
    path = first(submitted)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(2**40)  # takes no place on the disk
    other = path.parent / "logits" / "evil.pkl"
    other.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    (path.parent / "checkpoint").mkdir()
    os.mkfifo(path.parent / "pipe")
    (path.parent / "link").symlink_to("/etc/passwd")
    refused = {place.name: problem for place, problem in check(submitted).refused.items()}
    assert "GiB; submit it in several parts" in refused["submitted"]
    assert "longer than" in refused["record.json"]
    path.write_bytes(b"")
    refused = {place.name: problem for place, problem in check(submitted).refused.items()}
    assert "is none of a submission's files" in refused["evil.pkl"]
    assert "unfinished work" in refused["checkpoint"]
    assert "named pipe" in refused["pipe"]
    assert "is a link" in refused["link"]


def test_what_a_leaderboard_writes_is_passed_over(submitted: Path) -> None:
    write_leaderboard([submitted], submitted, FORMATS)
    (submitted / CHANGES_FILE).write_text("# Changes\n", encoding="utf-8")
    assert check(submitted).refused == {}


def test_a_record_that_is_a_pipe_is_not_waited_for(submitted: Path) -> None:
    path = first(submitted)
    path.unlink()
    os.mkfifo(path)
    assert "named pipe" in problem_of(submitted)


@pytest.mark.parametrize(
    "name",
    [".locks/run.sh", "pictures/run.exe", "readme.sh", "license.exe", "logits/huge.npz", "tiny/attacks/more.parquet"],
)
def test_files_that_only_look_as_if_they_belonged(submitted: Path, name: str) -> None:
    other = submitted / name
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(b"#!/bin/sh")
    assert "is none of a submission's files" in problem_of(submitted, other)


def test_a_link_among_the_locks(submitted: Path) -> None:
    link = submitted / ".locks" / "a.lock"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to("/etc/passwd")
    assert "is a link" in problem_of(submitted, link)


def test_logits_that_no_set_has(submitted: Path) -> None:
    path = first(submitted)
    shutil.copy(path.parent / "logits" / "other.npz", path.parent / "logits" / "more.npz")
    assert "logits/more.npz is of no evaluation set" in problem_of(submitted)


def test_logits_larger_than_their_rows_are_not_read(submitted: Path) -> None:
    path = first(submitted)
    with (path.parent / "logits" / "other.npz").open("r+b") as file:
        file.truncate(2**32)  # takes no place on the disk
    assert "logits/other.npz is larger than logits of 30 rows" in problem_of(submitted)


def test_attacked_texts_that_are_a_pipe_are_not_waited_for(submitted: Path) -> None:
    texts = first(submitted).parent / "attacks" / "deepwordbug.parquet"
    texts.unlink()
    os.mkfifo(texts)
    refused = check(submitted).refused
    assert "named pipe" in refused[texts]
    assert "cannot be read (it is no regular file)" in refused[first(submitted)]


def with_texts(path: Path, outcome: Any) -> None:
    """Put other attacked texts in the place of a record's, which names their hash."""
    import hashlib

    import pyarrow
    import pyarrow.parquet

    packed = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"outcome": outcome}), packed)
    (path.parent / "attacks" / "deepwordbug.parquet").write_bytes(packed.getvalue())
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    rewrite(path, lambda content: content["attacks"][0].update(texts_sha256=digest))


def test_outcomes_that_are_no_words(submitted: Path) -> None:
    with_texts(first(submitted), [["failed"]] * 6)
    assert "is not a file of attacked texts (it has no words as outcomes)" in problem_of(submitted)


def test_outcomes_that_would_fill_the_memory(submitted: Path) -> None:
    import pyarrow

    long = pyarrow.array(["x" * 2**20])
    packed = pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(20_000, np.int32)), long)
    with_texts(first(submitted), packed)
    problem = problem_of(submitted)
    assert "the record" in problem
    assert len(problem) < 1_000


def with_logits(path: Path, data: bytes) -> None:
    """Put other bytes in the place of the logits of set other, as a record that names their hash."""
    import hashlib

    (path.parent / "logits" / "other.npz").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    rewrite(path, lambda content: content["evaluation_sets"]["other"].update(logits_sha256=digest))


def test_logits_that_would_fill_the_memory(submitted: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (2**29, 2)})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file, file.open("logits.npy", "w") as member:
        member.write(header.getvalue())
        for _ in range(2):
            member.write(bytes(2**20))
    with_logits(first(submitted), packed.getvalue())
    assert "logits.npy is compressed" in problem_of(submitted)


def test_logits_that_would_run_code(submitted: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    packed = io.BytesIO()
    np.savez(packed, logits=np.array([Evil()], dtype=object))
    with_logits(first(submitted), packed.getvalue())
    assert "is not a file of stored logits" in problem_of(submitted)
    assert not (tmp_path / "ran").exists()


def test_logits_of_fewer_rows(submitted: Path) -> None:
    path = first(submitted)
    logits, labels = read_logits(path.parent / "logits" / "other.npz")
    assert labels is not None
    digest = store_logits(path.parent / "logits" / "other.npz", logits[:5], tuple(labels[:5].tolist()))
    rewrite(path, lambda content: content["evaluation_sets"]["other"].update(logits_sha256=digest))
    assert "holds 5 rows, the record 30" in problem_of(submitted)


def test_logits_that_are_one_number(submitted: Path) -> None:
    packed = io.BytesIO()
    np.savez(packed, logits=np.float32(1))
    with_logits(first(submitted), packed.getvalue())
    assert "holds 0 rows, the record 30" in problem_of(submitted)


def test_attacked_texts_of_another_kind(submitted: Path) -> None:
    import hashlib

    path = first(submitted)
    (path.parent / "attacks" / "deepwordbug.parquet").write_bytes(b"PAR1 no, not really")
    digest = hashlib.sha256(b"PAR1 no, not really").hexdigest()
    rewrite(path, lambda content: content["attacks"][0].update(texts_sha256=digest))
    assert "is not a file of attacked texts" in problem_of(submitted)


def test_a_copy_under_another_seed(submitted: Path) -> None:
    one, two = find_records(submitted)
    for part in ("logits", "attacks"):
        shutil.rmtree(two.parent / part)
        shutil.copytree(one.parent / part, two.parent / part)
    content = from_json(one.read_bytes())

    def copied(other: dict[str, Any]) -> None:
        for key in ("evaluation_sets", "scores", "set_scores", "attacks", "training"):
            other[key] = content[key]

    rewrite(two, copied)
    assert "has the very logits of" in problem_of(submitted, two)
    logits, labels = read_logits(two.parent / "logits" / "other.npz")
    packed = io.BytesIO()
    np.savez(packed, labels=labels, logits=logits)
    with_logits(two, packed.getvalue())
    assert "has the very logits of" in problem_of(submitted, two), "packed in another way"


def forge_labels(path: Path, name: str) -> None:
    """Let every label of a set be what was predicted, and everything that is computed from them follow."""
    logits, labels = read_logits(path.parent / "logits" / f"{name}.npz")
    assert labels is not None
    forged = tuple(logits.argmax(axis=1).tolist())
    assert forged != tuple(labels.tolist())
    digest = store_logits(path.parent / "logits" / f"{name}.npz", logits, forged)
    packed = compact(logits, forged)
    assert packed is not None
    rewrite(
        path,
        lambda content: content["evaluation_sets"][name].update(
            logits_sha256=digest, compact_logits=packed.model_dump()
        ),
    )
    set_scores, scores = compute_scores(read_record(path), path.parent)

    def rescored(content: dict[str, Any]) -> None:
        content["scores"] = {key: score.model_dump(mode="json") for key, score in scores.items()}
        content["set_scores"] = {
            one: {key: score.model_dump(mode="json") for key, score in found.items()}
            for one, found in set_scores.items()
        }

    rewrite(path, rescored)


def test_labels_that_were_changed_together_with_all_that_follows(submitted: Path, tmp_path: Path) -> None:
    one, two = find_records(submitted)
    forge_labels(one, "other")
    assert "other: has other labels beside its logits than in" in problem_of(submitted, two)
    shutil.rmtree(two.parent)
    assert check(submitted).refused == {}, "nothing says what the labels are"
    assert "has other labels beside its logits than the same texts in" in problem_of(submitted, mirror=tmp_path)


def test_counts_are_compared_with_a_mirror(submitted: Path, tmp_path: Path) -> None:
    assert check(submitted, mirror=tmp_path).refused == {}
    path = first(submitted)
    counted = from_json(path.read_bytes())["training_data"]["selection"]["rows_available"]
    rewrite(path, lambda content: content["training_data"]["selection"].update(rows_available=counted + 1))
    assert f"training_data.selection.rows_available is {counted + 1}, in" in problem_of(submitted, mirror=tmp_path)


def test_the_same_cell_twice(submitted: Path) -> None:
    shutil.copytree(submitted / "tiny", submitted / "again" / "tiny")
    refused = check(submitted).refused
    assert len(refused) == 2
    assert all("is the same cell as" in problem for problem in refused.values())


def test_records_without_logits_are_accepted_where_asked_for(submitted: Path) -> None:
    for path in find_records(submitted):
        shutil.rmtree(path.parent / "logits")
        shutil.rmtree(path.parent / "attacks")
    assert all("logits" in problem for problem in check(submitted).refused.values())
    assert check(submitted, without_logits=True).refused == {}
    rewrite(first(submitted), lambda content: content["set_scores"]["other"]["accuracy"].update(value=12.0))
    assert "its compact logits give" in problem_of(submitted, without_logits=True)
    rewrite(
        first(submitted),
        lambda content: content["evaluation_sets"]["other"]["compact_logits"].update(logits="AAAA"),
    )
    assert "the compact logits have 3 bytes, not the 60" in problem_of(submitted, without_logits=True)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A published record with a set whose classes were merged, RTE."""
    (folder,) = (RESULTS / "small/entailment-small/minilm/vanilla").glob("seed-0-*")
    return Path(shutil.copytree(folder, tmp_path / folder.relative_to(RESULTS / "small"))) / RECORD_FILE


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c["set_scores"]["rte"]["accuracy"].update(value=99.0), "set_scores.rte.accuracy is 99.000000, its"),
        (lambda c: c["set_scores"].update(x=c["set_scores"]["rte"]), "does not have the scores of exactly the sets"),
        (lambda c: c["set_scores"].pop("ag-news"), "does not have the scores of exactly the sets"),
        (lambda c: c["set_scores"]["rte"]["ece"].update(value=0.01), "rte.ece is 0.010000, its compact logits give"),
        (lambda c: c["set_scores"]["sst2"]["auroc"].update(value=99.9), "sst2.auroc is 99.900000, its compact logits"),
        (lambda c: c["set_scores"]["rte"].pop("nll"), "set_scores.rte: has accuracy, brier"),
    ],
)
def test_published_scores_that_their_compact_logits_do_not_give(published: Path, change: Change, expected: str) -> None:
    folder = published.parents[4]
    assert check(folder, without_logits=True).refused == {}
    rewrite(published, change)
    assert expected in problem_of(folder, published, without_logits=True)


def test_logits_beyond_half_precision_are_compared_as_every_other(published: Path) -> None:
    def overflow(content: dict[str, Any]) -> None:
        item = content["evaluation_sets"]["ag-news"]
        infinite = np.full((item["rows"], 2), np.inf, "<f2")
        item["compact_logits"]["logits"] = base64.b64encode(infinite.tobytes()).decode()

    rewrite(published, overflow)
    folder = published.parents[4]
    assert "ag-news: the compact logits are not all finite" in problem_of(folder, published, without_logits=True)


HOSTILE = [
    "../../x",
    "/etc/passwd",
    "a\0b",
    "x" * 10_000,
    "<script>alert(1)</script>",
    "\\input{/etc/passwd}",
    "[x](javascript:alert(1))",
    "\x1b[2J\x1b[1;1H",
    "\u202egnp.exe",
    "=cmd|'/c calc'!A1",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("where", ["task", "backbone", "method"])
def test_hostile_names_are_refused_in_one_line(
    submitted: Path, roast_bench: Callable[..., Any], name: str, where: str
) -> None:
    rewrite(first(submitted), lambda content: content["cell"].update({where: name}))
    done = roast_bench("submit", "check", submitted, "--plugin", PLUGIN)
    assert done.code == 2
    lines = done.err.splitlines()
    assert sum(line.startswith("roast-bench: ") for line in lines) == 1
    assert "Traceback" not in done.err
    assert all(character.isprintable() for line in lines for character in line)
    assert max(map(len, lines)) < 3_000
