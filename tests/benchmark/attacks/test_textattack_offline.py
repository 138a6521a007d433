import dataclasses
import hashlib
import json
import os
import random
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from toy_attack_run import toy_outcome

import benchmark.attacks
from benchmark.attacks.english_stop_words import english_stop_words
from benchmark.attacks.textattack_offline import _LoaderWithoutDownload, import_textattack

FRESH_MACHINE = """
import json, logging, os, random, socket, sys
attempts = []
def refuse(*arguments, **_):
    attempts.append(repr(arguments))
    raise OSError("this machine has no network")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.gethostbyname = refuse

handler = logging.FileHandler(sys.argv[1], mode="w")
logger = logging.getLogger("a program's own")
logger.addHandler(handler)
environment, state = dict(os.environ), random.getstate()

from benchmark.attacks.textattack_offline import import_textattack
textattack = import_textattack()
restored = dict(os.environ) == environment
generator_restored = random.getstate() == state
logger.warning("still here")

from toy_attack_run import toy_outcome
outcome = toy_outcome()
from huggingface_hub.constants import HF_HOME
print(json.dumps({
    "attempts": attempts,
    "environment_restored": restored and dict(os.environ) == environment,
    "generator_restored": generator_restored,
    "textattack_cache": textattack.shared.utils.install.TEXTATTACK_CACHE_DIR,
    "textattack_cache_copy": textattack.shared.utils.TEXTATTACK_CACHE_DIR,
    "hf_home": HF_HOME,
    "examples": [[e.attacked_text, e.outcome, e.queries] for e in outcome.examples],
}))
"""


def test_on_a_fresh_machine_without_a_network(tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "log"
    home.mkdir()
    root = Path(benchmark.attacks.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FRESH_MACHINE, str(log)],
        cwd=tmp_path,
        env={
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(root), str(Path(__file__).parent)]),
            "PYTHONHASHSEED": "123",  # the outcome must not hang on the order of sets
            "TA_CACHE_DIR": str(tmp_path / "chosen"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)  # and nothing else on standard output
    assert said["attempts"] == []
    assert said["environment_restored"]
    assert said["generator_restored"]
    assert said["textattack_cache"] == said["textattack_cache_copy"] == str(tmp_path / "chosen")
    assert said["hf_home"] == str(home / ".cache" / "huggingface")
    assert list(home.rglob("*")) == []
    assert not (tmp_path / "chosen").exists()
    assert log.read_text() == "still here\n"
    assert "textattack:" not in done.stderr
    here = [[e.attacked_text, e.outcome, e.queries] for e in toy_outcome().examples]
    assert said["examples"] == here


def test_the_cache_for_later_downloads_is_the_usual_one() -> None:
    expected = os.environ.get("TA_CACHE_DIR", os.path.expanduser("~/.cache/textattack"))
    assert expected == import_textattack().shared.utils.install.TEXTATTACK_CACHE_DIR


def test_importing_again_changes_nothing() -> None:
    first = import_textattack()
    constraint = first.constraints.pre_transformation.StopwordModification
    before = (dict(os.environ), random.getstate(), constraint.__init__)
    assert import_textattack() is first
    assert (dict(os.environ), random.getstate(), constraint.__init__) == before


def test_a_textattack_imported_by_the_user_gets_the_shipped_list(monkeypatch: pytest.MonkeyPatch) -> None:
    constraint = import_textattack().constraints.pre_transformation.StopwordModification

    def from_nltk(self: SimpleNamespace, stopwords: object = None, language: str = "english") -> None:
        self.stopwords = {"from NLTK"} if stopwords is None else stopwords

    monkeypatch.setattr(constraint, "__init__", from_nltk)
    assert constraint().stopwords == {"from NLTK"}
    import_textattack()
    assert constraint().stopwords == english_stop_words()


def test_stop_words_of_other_kinds_are_left_to_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    constraint = import_textattack().constraints.pre_transformation.StopwordModification
    import nltk

    installed = SimpleNamespace(words=lambda language: [f"{language} word"])
    monkeypatch.setattr(nltk.corpus, "stopwords", installed)
    assert constraint().stopwords == english_stop_words()
    assert constraint(language="german").stopwords == {"german word"}
    assert constraint(stopwords=["own"]).stopwords == {"own"}


def test_the_shipped_list_is_the_one_its_notice_describes() -> None:
    folder = files("benchmark.attacks").joinpath("stop_words")
    digest = hashlib.sha256(folder.joinpath("english.txt").read_bytes()).hexdigest()
    notice = folder.joinpath("NOTICE.md").read_text(encoding="utf-8")
    assert digest in notice
    assert f"{len(english_stop_words())} words" in notice
    assert {"the", "wouldn't", "ourselves"} < english_stop_words()
    assert "film" not in english_stop_words()


@pytest.mark.parametrize(
    "source",
    ["_post_install_if_needed()", "set_cache_dir(x)", "def _post_install_if_needed():\n    download()"],
)
def test_a_textattack_that_downloads_in_another_way_is_refused(tmp_path: Path, source: str) -> None:
    path = tmp_path / "install.py"
    path.write_text(source)
    with pytest.raises(ImportError, match="does not call"):
        _LoaderWithoutDownload("install", str(path)).get_code("install")


def test_the_amended_module_is_not_kept_as_byte_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "install.py"
    path.write_text("import os\nif os.environ:\n    set_cache_dir(1)\n_post_install_if_needed()\nkept = 1\n")
    code = _LoaderWithoutDownload("install", str(path)).get_code("install")
    assert "kept" in code.co_names
    assert {"set_cache_dir", "_post_install_if_needed"}.isdisjoint(code.co_names)
    assert [entry.name for entry in tmp_path.iterdir()] == ["install.py"]


def test_run_leaves_the_global_generators_alone() -> None:
    import torch

    def draws() -> tuple[float, float, float]:
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    def seed() -> None:
        random.seed(5)
        np.random.seed(5)  # noqa: NPY002
        torch.manual_seed(5)

    seed()
    expected = draws()
    seed()
    outcome = toy_outcome()
    assert draws() == expected
    assert dataclasses.replace(toy_outcome(), seconds=0) == dataclasses.replace(outcome, seconds=0)
