from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmark.attacks import Attack, attacks
from benchmark.attacks.model_files import COUNTER_FITTED_VECTORS, PACKAGED_SENTENCE_ENCODER
from benchmark.attacks.nltk_data import PARTS_OF_SPEECH, WORDNET, use_nltk_data
from benchmark.attacks.resources import NotThere, Resource, require_resources
from benchmark.errors import UserError


@pytest.fixture
def bare_machine(only_nltk_data: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No caches, no NLTK data; returns the folder that all caches are below."""
    from huggingface_hub import constants

    only_nltk_data()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("ROAST_BENCH_MIRROR", raising=False)
    monkeypatch.setenv("TA_CACHE_DIR", str(tmp_path / "textattack"))
    monkeypatch.setenv("FLAIR_CACHE_ROOT", str(tmp_path / "flair"))
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "tfhub"))
    if "flair" in sys.modules:
        monkeypatch.setattr(sys.modules["flair"], "cache_root", tmp_path / "flair")
    if "textattack.shared.utils.install" in sys.modules:
        install = sys.modules["textattack.shared.utils.install"]
        monkeypatch.setattr(install, "TEXTATTACK_CACHE_DIR", str(tmp_path / "textattack"))
    return tmp_path


EVERY_RESOURCE = {resource.name: resource for attack in attacks.values() for resource in attack.resources}


@pytest.mark.parametrize("name", [name for name in EVERY_RESOURCE if name != PACKAGED_SENTENCE_ENCODER.name])
def test_what_is_not_there_is_refused_in_one_line(name: str, bare_machine: Path, no_network: list[str]) -> None:
    resource = EVERY_RESOURCE[name]
    missing = resource.missing()
    assert resource.find() is None
    assert missing is not None
    attack = Attack("any", "s", "p", lambda model: model, (resource,))  # type: ignore[arg-type,return-value]
    with pytest.raises(UserError) as caught:
        require_resources(attack)
    line = str(caught.value)
    assert line == f"attack 'any' cannot run here: {name}: {missing}"
    assert "\n" not in line
    assert any(command in missing.remedy for command in ("python -", "pip install", "hf download"))
    assert no_network == []
    assert list(bare_machine.rglob("*")) == []  # looking creates nothing


@pytest.mark.parametrize("name", [name for name, attack in attacks.items() if attack.resources])
def test_no_attack_is_built_without_its_resources(
    name: str, bare_machine: Path, no_network: list[str], predictor: Any
) -> None:
    from benchmark.attacks.model_wrapper import wrap_model

    absent = [resource for resource in attacks[name].resources if resource.find() is None]
    assert absent
    with pytest.raises(UserError, match="|".join(resource.name for resource in absent)):
        attacks[name].build(wrap_model(predictor))
    assert no_network == []


def test_every_missing_resource_is_named(bare_machine: Path) -> None:
    with pytest.raises(UserError) as caught:
        require_resources(attacks["textfooler"])
    for resource in attacks["textfooler"].resources:
        assert resource.name in str(caught.value)


def test_what_is_there_is_not_refused() -> None:
    require_resources(attacks["deepwordbug"])
    require_resources(Attack("any", "s", "p", lambda m: m, (Resource("x", "d", lambda: Path(), "r"),)))  # type: ignore[arg-type,return-value]


def test_nltk_data_of_the_mirror_is_found(nltk_data: Path) -> None:
    assert WORDNET.find() == nltk_data / "corpora" / "wordnet"
    assert all(resource.find() is not None for resource in PARTS_OF_SPEECH)


def test_a_zip_archive_is_found(only_nltk_data: Any, tmp_path: Path) -> None:
    only_nltk_data(tmp_path / "nothing", tmp_path)
    (tmp_path / "corpora").mkdir(mode=0o755)
    (tmp_path / "corpora" / "wordnet.zip").write_bytes(b"")
    (tmp_path / "corpora" / "wordnet.zip").chmod(0o644)
    assert WORDNET.find() == tmp_path / "corpora" / "wordnet.zip"


@pytest.mark.skipif(os.name != "posix", reason="NLTK looks at owners on POSIX only")
@pytest.mark.parametrize("place", [".", "corpora", "corpora/wordnet", "corpora/wordnet/data.noun"])
def test_data_that_others_can_change_gives_the_command_for_a_copy(
    place: str, only_nltk_data: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "nltk_data"
    (folder / "corpora" / "wordnet").mkdir(parents=True)
    (folder / "corpora" / "wordnet" / "data.noun").write_text("")
    only_nltk_data(folder)
    assert WORDNET.find() is not None
    (folder / place).chmod((folder / place).stat().st_mode | 0o020)
    missing = WORDNET.missing()
    assert missing is not None
    assert str((folder / place).resolve()) in missing.reason
    assert missing.remedy == f'cp -r {folder} "$HOME/nltk_data" && chmod -R go-w "$HOME/nltk_data"'
    # As NLTK itself has it.
    import nltk

    with pytest.warns(RuntimeWarning, match="will not read"), pytest.raises(LookupError):
        nltk.data.find("corpora/wordnet", [str(folder)])


def test_search_folders_are_nltks_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = (
        "from benchmark.attacks.nltk_data import _search_folders; before = [str(f) for f in _search_folders()];"
        "import nltk.data; assert before == nltk.data.path, (before, nltk.data.path)"
    )
    environment = {**os.environ, "NLTK_DATA": os.pathsep.join([str(tmp_path / "one"), "~/two"])}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)


def test_use_nltk_data_reaches_nltk_before_and_after_its_import(
    nltk_data: Path, only_nltk_data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nltk

    only_nltk_data()
    assert WORDNET.find() is None
    use_nltk_data(nltk_data)
    use_nltk_data(nltk_data)
    assert os.environ["NLTK_DATA"] == str(nltk_data.resolve())
    assert nltk.data.path == [str(nltk_data.resolve())]
    monkeypatch.delitem(sys.modules, "nltk.data")
    assert WORDNET.find() is not None


def test_a_mirror_without_nltk_data_changes_nothing(only_nltk_data: Any, tmp_path: Path) -> None:
    only_nltk_data()
    use_nltk_data(tmp_path / "nltk_data")
    assert os.environ["NLTK_DATA"] == ""


def test_incomplete_vectors_are_told_from_absent_ones(bare_machine: Path) -> None:
    folder = bare_machine / "textattack" / "word_embeddings" / "paragramcf"
    folder.mkdir(parents=True)
    (folder / "nn.npy").write_bytes(b"")
    missing = COUNTER_FITTED_VECTORS.missing()
    assert missing is not None
    assert "paragram.npy, wordlist.pickle" in missing.reason
    assert "delete that folder" in missing.reason


def test_a_remedy_of_the_moment_comes_before_the_usual_one() -> None:
    def look() -> Path:
        raise NotThere("broken", "mend it")

    assert str(Resource("x", "d", look, "buy it").missing()) == "broken; mend it"


def test_the_command_refuses_before_anything_is_trained(
    roast_bench: Any, tiny_run: list[object], bare_machine: Path, tmp_path: Path
) -> None:
    arguments = [*tiny_run, "--method", "vanilla"]
    arguments[arguments.index("none")] = "pwws:2"
    done = roast_bench(*arguments)
    assert done.code == 2
    assert "attack 'pwws' cannot run here: NLTK's WordNet: not found; python -m nltk.downloader wordnet" in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()


def test_the_mirror_alone_brings_wordnet(
    roast_bench: Any, tiny_run: list[object], nltk_data: Path, only_nltk_data: Any, tmp_path: Path
) -> None:
    only_nltk_data()
    arguments = [*tiny_run, "--method", "vanilla", "--mirror", nltk_data.parent]
    arguments[arguments.index("none")] = "pwws:3:60"
    done = roast_bench(*arguments)
    assert done.code == 0, done.err
    assert len(list((tmp_path / "out").rglob("pwws.parquet"))) == 1


def test_doctor_lists_attacks_and_remedies(bare_machine: Path) -> None:
    from benchmark.doctor import _attacks

    findings = {finding.subject: finding for finding in _attacks()}
    assert findings["attack deepwordbug"].found == "ready"
    assert findings["attack pwws"].found == "lacks NLTK's WordNet"
    assert findings["for attacks, NLTK's WordNet"].fix == WORDNET.remedy
    assert {finding.state for finding in findings.values()} == {"ok", "note"}
    assert {f"attack {name}" for name in attacks} < set(findings)


def test_describe_says_what_is_on_disk(roast_bench: Any, nltk_data: Path) -> None:
    text = roast_bench("describe", "pwws").out
    assert f"on disk: {nltk_data}" in text
    assert "P19-1103" in text
    assert "variant of: textfooler" in roast_bench("describe", "textfooler-sbert").out
    assert "arXiv 2109.00544" in roast_bench("describe", "a2t").out
