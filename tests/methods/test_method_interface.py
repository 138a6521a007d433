import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from methods import Method, hyper_parameter, methods, register


def test_fields_are_validated_on_construction():
    roast = methods["roast"]
    assert roast(alpha=0.6).alpha == 0.6
    for values, named in [
        ({"alpha": 1.5}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"epsilon": -1}, "epsilon"),
        ({"objective": "half"}, "objective"),
        ({"alhpa": 0.5}, "alhpa"),
    ]:
        with pytest.raises(ValidationError, match=named):
            roast(**values)


def test_roast_has_the_fields_of_its_two_halves():
    halves = {**methods["roast-selective"].hyper_parameters(), **methods["roast-adversarial"].hyper_parameters()}
    assert set(methods["roast"].hyper_parameters()) == set(halves)
    assert methods["roast"]().values() == {name: field.default for name, field in halves.items()}


def test_published_defaults_of_roast():
    assert methods["roast"]().values() == {
        "alpha": 0.9,
        "beta": 10.0,
        "scaled": True,
        "ranked_by": "gradient",
        "mask": "sampled",
        "epsilon": 0.1,
        "consistency_weight": 0.01,
        "initial_noise": 1e-5,
        "objective": "full",
        "reuse_clean_forward": False,
    }
    assert methods["roast"].published_settings["entailment"] == {"alpha": 0.6, "beta": 1.0}


@pytest.mark.parametrize("name", sorted(methods))
def test_every_default_has_a_source_and_every_method_a_card(name):
    method = methods[name]
    assert method.card is not None
    assert method.card.cost
    assert method.summary()
    for field in method.hyper_parameters().values():
        assert field.description
        assert field.json_schema_extra["source"]


@pytest.mark.parametrize("name", sorted(methods))
def test_values_survive_json(name):
    values = methods[name]().values()
    assert methods[name](**json.loads(json.dumps(values))).values() == values


def test_the_cost_of_every_method_was_measured():
    page = (Path(__file__).parents[2] / "docs" / "method-costs.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([^`]+)`", page, flags=re.MULTILINE)) == set(methods)


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match=r"'roast' is taken by methods\.roast\.Roast"):

        @register("roast")
        class Impostor(Method):
            """Another."""

    assert methods["roast"].__name__ == "Roast"
    register("roast")(methods["roast"])


@pytest.mark.parametrize("name", ["RoAST", "my_method", "-x", "x-", "a b", "", "../x"])
def test_malformed_names_are_refused(name):
    with pytest.raises(ValueError, match="lower-case letters and digits"):
        register(name)


def test_only_methods_are_registered():
    with pytest.raises(TypeError, match="not a subclass of methods"):
        register("something-else")(dict)


def test_methods_combine_by_inheritance():
    class Scaled(Method):
        """Cross-entropy times a weight."""

        weight: float = hyper_parameter(2.0, gt=0, description="factor", source="here")

        def report(self):
            return {**super().report(), "weight": self.weight}

    class Both(Scaled, methods["roast-selective"]):
        """Both."""

    both = Both(weight=3.0, alpha=0.5)
    assert both.report() == {"weight": 3.0, "kept_fraction": [], "kept_fraction_by_layer": []}


def test_importing_methods_leaves_torch_alone():
    code = (
        "import sys, methods; methods.methods['roast'](alpha=0.5)\n"
        "print([name for name in ('torch._C', 'transformers', 'numpy') if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
