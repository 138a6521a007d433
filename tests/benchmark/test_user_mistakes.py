"""Each mistake gets one line saying what, where and what would be right, and exit code 2."""

import json
import os
import shutil

import pytest

from leaderboard.record import find_records

QUICK = ["run", "quickstart"]


def assert_one_line(done, *parts):
    assert done.code == 2, (done.out, done.err)
    assert done.out == ""
    lines = done.err.strip().splitlines()
    assert len(lines) == 1, lines
    assert "Traceback" not in lines[0]
    for part in parts:
        assert part in lines[0], lines[0]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([*QUICK, "--method", "roats"], ["unknown method 'roats'", "did you mean 'roast'?"]),
        ([*QUICK, "--task", "review"], ["unknown task 'review'", "did you mean 'reviews'?"]),
        ([*QUICK, "--attack", "deepwordbugs:5"], ["unknown attack 'deepwordbugs'", "did you mean 'deepwordbug'?"]),
        ([*QUICK, "--backbone", "./nowhere"], ["backbone ./nowhere", "no such folder", "minilm"]),
        (["run", "quikstart"], ["unknown suite 'quikstart'", "did you mean 'quickstart'?"]),
        (["run", "absent.toml"], ["suite file absent.toml", "No such file"]),
        (["run", "--task", "reviews"], ["--method is missing"]),
        (["run", "--task", "reviews", "--method", ""], ["--method", "at least one"]),
        ([*QUICK, "--seeds", ""], ["--seeds", "at least one"]),
        ([*QUICK, "--seeds", "4294967296"], ["seeds.0", "less than 4294967296"]),
        ([*QUICK, "--seeds", "9" * 5000], ["--seeds 999", "whole numbers"]),
        ([*QUICK, "--attack", "deepwordbug:" + "9" * 5000], ["--attack deepwordbug:999", "RECIPE:TEXTS"]),
        ([*QUICK, "--backbone", "minilmm"], ["unknown backbone 'minilmm'", "did you mean 'minilm'?"]),
        ([*QUICK, "--backbone", "someone/else"], ["someone/else", "hub", "roast-bench list backbones"]),
        ([*QUICK, "--out", "x" * 300], ["output folder", "cannot be written"]),
        ([*QUICK, "--set", "roast.alhpa=0.6"], ["roast.alhpa", "did you mean 'alpha'?"]),
        ([*QUICK, "--set", "roast.alpha=1.5"], ["roast.alpha", "less than or equal to 1", "1.5"]),
        ([*QUICK, "--set", "roast.alpha=x"], ["roast.alpha", "valid number", "'x'"]),
        ([*QUICK, "--set", "roast.objective=half"], ["roast.objective", "'full' or 'released'"]),
        ([*QUICK, "--set", "alpha=0.6"], ["--set alpha=0.6", "METHOD.HYPER_PARAMETER=VALUE"]),
        ([*QUICK, "--set", "freelb.steps=3"], ["freelb.steps", "not among the methods to run", "vanilla, roast"]),
        ([*QUICK, "--epochs", "0"], ["training.epochs", "greater than or equal to 1", "0"]),
        ([*QUICK, "--learning-rate", "-1"], ["training.learning_rate", "greater than 0"]),
        ([*QUICK, "--seeds", "one"], ["--seeds one", "whole numbers"]),
        ([*QUICK, "--epochs", "many"], ["--epochs", "valid integer"]),
        ([*QUICK, "--epoch", "3"], ["--epoch", "--epochs"]),
        ([*QUICK, "--projection", "both"], ["evaluation.projection", "'probabilities' or 'predictions'", "'both'"]),
        ([*QUICK, "--transfer-sets", "nowhere"], ["--transfer-sets nowhere", "no such folder"]),
        ([*QUICK, "--eval-set", "mine=absent.csv:shift"], ["--eval-set mine=absent.csv:shift", "no such file"]),
        ([*QUICK, "--mirror", "nowhere"], ["--mirror nowhere", "no such folder"]),
        ([*QUICK, "--attack", "deepwordbug:many"], ["--attack deepwordbug:many", "RECIPE:TEXTS:QUERIES"]),
        ([*QUICK, "--attack", "deepwordbug:0"], ["attacks.0.examples", "greater than or equal to 1"]),
        ([*QUICK, "--plugin", "absent.py"], ["--plugin absent.py", "no such file"]),
        (["describe", "roats"], ["'roats'", "did you mean 'roast'?"]),
        (["list", "method"], ["method", "methods"]),
        (["runn"], ["runn", "run"]),
        (["leaderboard", "nowhere"], ["nowhere", "roast-bench run"]),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else None,
)
def test_mistakes_on_the_command_line(roast_bench, tmp_path, monkeypatch, arguments, parts):
    monkeypatch.chdir(tmp_path)
    assert_one_line(roast_bench(*arguments), *parts)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("import nothing_of_that_name", [":1: cannot be imported: ModuleNotFoundError", "nothing_of_that_name"]),
        ("x = 1\ndef f(:\n", [":2: cannot be imported: SyntaxError"]),
        ("x = 1", ["registers nothing", "@register"]),
        (
            "from methods import Method, register\n\n@register('roast')\nclass Mine(Method):\n    pass\n",
            ["'roast' is taken by methods.roast.Roast"],
        ),
        (
            "from methods import Method, register\n\n@register('mine')\nclass Mine(Method):\n    values: int = 3\n",
            ["Mine.values", "may not be named"],
        ),
        (
            "from tasks import register_task\n\n@register_task('mine')\ndef mine():\n    raise ValueError('a\\nb')\n",
            ["task 'mine' cannot be declared", "ValueError: a b"],
        ),
        ("raise SystemExit(0)", ["cannot be imported", "SystemExit"]),
        ("from methods import register\n\n@register('Mine')\nclass Mine: ...\n", ["'Mine'", "lower-case"]),
    ],
    ids=[
        "import error",
        "syntax error",
        "nothing registered",
        "name taken",
        "field taken",
        "task that fails",
        "leaves",
        "malformed name",
    ],
)
def test_mistakes_in_a_plugin(roast_bench, tmp_path, content, parts):
    path = tmp_path / "mine.py"
    path.write_text(content, encoding="utf-8")
    done = roast_bench("list", "tasks", "--plugin", path)
    assert_one_line(done, *parts)
    assert str(path) in done.err or "declared" in done.err


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("name = ", ["is not TOML"]),
        ('name = "mine"\ntasks = ["reviews"]\nmethods = ["vanilla"]\nseeds = [0]\n', ["backbones"]),
        (
            'name = "mine"\ntasks = ["reviews"]\nbackbones = ["minilm"]\nmethods = ["vanilla"]\nseeds = [0]\n'
            "[training]\nepoch = 3\n",
            ["training.epoch", "no such setting"],
        ),
        (f"seeds = [0x{'f' * 5000}]\n", ["digits"]),
        (
            'name = "mine"\ntasks = ["reviews"]\nbackbones = ["minilm"]\nmethods = ["vanilla"]\nseeds = [0]\n'
            f"[training]\nepochs = 0x{'f' * 5000}\n",
            ["digits"],
        ),
    ],
    ids=["not TOML", "lacks a key", "misspelt key", "long seed", "long number of epochs"],
)
def test_mistakes_in_a_suite_file(roast_bench, tmp_path, content, parts):
    path = tmp_path / "mine.toml"
    path.write_text(content, encoding="utf-8")
    assert_one_line(roast_bench("run", path), str(path), *parts)


def test_backbone_folder_without_weights(roast_bench, tmp_path):
    (tmp_path / "empty").mkdir()
    assert_one_line(roast_bench(*QUICK, "--backbone", tmp_path / "empty"), "empty", "no weights", "model.safetensors")


def test_texts_longer_than_the_backbone_has_positions(roast_bench, tmp_path):
    done = roast_bench(*QUICK, "--max-length", "513", "--out", tmp_path / "out")
    assert_one_line(done, "training.max_length is 513", "512 positions")


def without_tokenizer(folder):
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (without_tokenizer, "tokenizer"),
        (lambda folder: (folder / "config.json").write_text("{", encoding="utf-8"), "tiny-bert"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\x08" * 50), "file model.safetensors"),
    ],
    ids=["no tokenizer", "broken configuration", "broken weights"],
)
def test_damaged_backbone_folder(roast_bench, tiny_run, tiny_backbone, tmp_path, damage, what):
    folder = tmp_path / "tiny-bert"
    shutil.copytree(tiny_backbone, folder)
    damage(folder)
    done = roast_bench(*tiny_run, "--method", "vanilla", "--backbone", folder)
    assert_one_line(done, "backbone tiny-bert", what, "cannot be loaded")
    assert find_records(tmp_path / "out") == []


def test_code_inside_a_backbone_folder_never_runs(roast_bench, tiny_run, tiny_backbone, tmp_path, monkeypatch):
    folder = tmp_path / "tiny-bert"
    shutil.copytree(tiny_backbone, folder)
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n", encoding="utf-8")
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings |= {"tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": ["mine.Mine", None]}}
    path.write_text(json.dumps(settings), encoding="utf-8")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asked"))
    assert_one_line(
        roast_bench(*tiny_run, "--method", "vanilla", "--backbone", folder), "code of its own", "--trust-remote-code"
    )
    assert not (tmp_path / "ran").exists()


def test_packaged_backbone_with_other_bytes(roast_bench, tmp_path, monkeypatch):
    from benchmark import backbones

    package = tmp_path / "altered_package"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "model" / "model.safetensors").write_bytes(b"not the weights")
    monkeypatch.syspath_prepend(tmp_path)
    altered = backbones.PackagedBackbone("altered", "altered_package", "model", "0" * 64, "altered bytes")
    monkeypatch.setitem(backbones.PACKAGED, "altered", altered)
    assert_one_line(
        roast_bench(*QUICK, "--backbone", "altered"), "altered", "has sha256", "expected " + "0" * 64, "reinstall"
    )


def test_packaged_backbone_that_is_not_installed(roast_bench, monkeypatch):
    from benchmark import backbones

    absent = backbones.PackagedBackbone("absent==1", "absent_package", "model", "0" * 64, "absent")
    monkeypatch.setitem(backbones.PACKAGED, "absent", absent)
    assert_one_line(roast_bench(*QUICK, "--backbone", "absent"), "not installed", "pip install")


def test_output_folder_that_cannot_be_written(roast_bench, tiny_run, tmp_path):
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    assert_one_line(roast_bench(*tiny_run, "--method", "vanilla"), str(tmp_path / "out"), "cannot be written", "--out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_output_folder_without_permission(roast_bench, tiny_run, tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    assert_one_line(roast_bench(*tiny_run, "--method", "vanilla"), "cannot be written")


@pytest.mark.parametrize("option", ["--out", "--eval-set", "--backbone"])
def test_a_name_that_is_not_utf8_is_refused_before_anything_is_trained(roast_bench, tiny_run, tmp_path, option):
    path = os.fsdecode(bytes(tmp_path) + b"/odd\xff.csv")
    with open(path, "w", encoding="utf-8") as file:
        file.write("text,label\n" + "fine film,positive\nbad film,negative\n" * 20)
    value = f"mine={path}:shift" if option == "--eval-set" else path
    assert_one_line(roast_bench(*tiny_run, "--method", "vanilla", option, value), "odd<U+DCFF>.csv", "not UTF-8")


@pytest.mark.parametrize("options", [[], ["--plan"]], ids=["run", "plan"])
@pytest.mark.parametrize("link", ["tiny", "tiny/tiny-bert/vanilla"])
def test_a_link_in_the_output_folder_is_refused_before_anything_is_trained(
    roast_bench, tiny_run, tmp_path, link, options
):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / link).parent.mkdir(parents=True)
    (tmp_path / "out" / link).symlink_to(tmp_path / "elsewhere")
    done = roast_bench(*tiny_run, "--method", "vanilla", *options)
    assert_one_line(done, str(tmp_path / "out" / link), "is a link", "--out")


def test_record_of_another_schema_version_is_left_alone(roast_bench, tiny_run, tmp_path):
    assert roast_bench(*tiny_run, "--method", "vanilla").code == 0
    (path,) = find_records(tmp_path / "out")
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "schema_version": 99}), encoding="utf-8")
    before = path.read_bytes()
    for arguments in ([*tiny_run, "--method", "vanilla"], ["leaderboard", tmp_path / "out"]):
        assert_one_line(roast_bench(*arguments), str(path), "schema_version is 99", "reads 1")
    assert path.read_bytes() == before


def test_batch_larger_than_the_training_data(roast_bench, tiny_run):
    assert_one_line(
        roast_bench(*tiny_run, "--method", "vanilla", "--train-size", "5"), "batch_size is 8", "5 training texts"
    )


def test_hyper_parameter_without_a_default(roast_bench, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from methods import Method, register\n\n@register('mine')\nclass Mine(Method):\n    weight: float\n",
        encoding="utf-8",
    )
    arguments = ["run", "quickstart", "--plugin", path, "--method", "mine"]
    assert_one_line(roast_bench(*arguments), "mine.weight", "must be given")
    assert roast_bench("list", "methods", "--plugin", path).out.splitlines().count("mine") == 1


def test_entry_point_that_cannot_be_imported(roast_bench, monkeypatch):
    import importlib.metadata

    broken = importlib.metadata.EntryPoint("mine", "package_that_is_not_there:Mine", "roast_bench.methods")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda: importlib.metadata.EntryPoints([broken]))
    assert_one_line(roast_bench("list", "methods"), "mine", "package_that_is_not_there", "ModuleNotFoundError")
