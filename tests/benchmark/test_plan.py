import pytest

from benchmark.chosen_methods import find_methods
from benchmark.plan import hyper_parameters, parse_assignments, plan
from benchmark.suite import Suite, load_suite, shipped_suites
from methods import methods


def suite(**changes) -> Suite:
    values = {
        "name": "mine",
        "tasks": ["reviews"],
        "backbones": ["minilm"],
        "methods": ["vanilla", "roast"],
        "seeds": [0, 1],
    }
    return Suite.model_validate({**values, **changes})


def test_cells_are_all_combinations_and_repeats_count_once():
    cells = plan(suite(seeds=[0, 1, 1], methods=["vanilla", "roast", "vanilla"]))
    assert [(cell.seed, cell.method_name) for cell in cells] == [
        (0, "vanilla"),
        (0, "roast"),
        (1, "vanilla"),
        (1, "roast"),
    ]


def test_the_identity_of_a_cell_is_stable():
    """A change here makes every finished cell run again: raise it knowingly."""
    (cell,) = plan(suite(methods=["vanilla"], seeds=[3]))
    assert cell.folder.as_posix() == f"reviews/minilm/vanilla/seed-3-{cell.config_hash}"
    (same,) = plan(suite(methods=["vanilla"], seeds=[3], name="other"))
    assert same.config_hash == cell.config_hash


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": [1]},
        {"methods": ["roast-selective"]},
        {"training": {"epochs": 3}},
        {"training": {"length_bucketing": True}},
        {"evaluation": {"evaluation_size": 10}},
        {"evaluation": {"projection": "predictions"}},
        {"attacks": [{"recipe": "deepwordbug", "examples": 5}]},
    ],
    ids=str,
)
def test_whatever_determines_the_result_changes_the_hash(change):
    (cell,) = plan(suite(methods=["vanilla"], seeds=[0]))
    (other,) = plan(suite(**{"methods": ["vanilla"], "seeds": [0], **change}))
    assert other.config_hash != cell.config_hash


def test_hyper_parameters_come_from_the_user_then_the_paper_then_the_method():
    roast = methods["roast"]
    assert hyper_parameters("roast", roast, "sentiment", {})["alpha"] == 0.9
    entailment = hyper_parameters("roast", roast, "entailment", {"beta": 5})
    assert (entailment["alpha"], entailment["beta"], entailment["epsilon"]) == (0.6, 5.0, 0.1)


def test_equal_numbers_of_other_types_are_the_same_cell():
    whole, fraction = (
        plan(suite(methods=["roast"], seeds=[0], hyper_parameters={"roast": {"beta": value}}))[0] for value in (1, 1.0)
    )
    assert whole.config_hash == fraction.config_hash


def test_assignments_are_json_where_they_can_be():
    assert parse_assignments(
        ["roast.alpha=0.6", "roast.scaled=false", "roast.objective=released", "r3f.sigma=1e-5"]
    ) == {
        "roast": {"alpha": 0.6, "scaled": False, "objective": "released"},
        "r3f": {"sigma": 1e-5},
    }


@pytest.mark.parametrize("name", sorted(shipped_suites()))
def test_shipped_suites_can_be_planned(name):
    chosen = load_suite(name)
    assert chosen.name == name
    cells = plan(chosen)
    assert len(cells) == len(chosen.tasks) * len(chosen.backbones) * len(find_methods(chosen.methods)) * len(
        chosen.seeds
    )


def test_shipped_suites_are_quickstart_small_and_full():
    assert sorted(shipped_suites()) == ["full", "quickstart", "small"]
    full = load_suite("full")
    assert (full.training.epochs, full.training.learning_rate, full.training.batch_size) == (10, 1e-5, 16)
    assert full.training.train_size is None
    assert len(full.seeds) == 5
