from itertools import product

import pytest
import torch

from methods import CompositionError, Method, canonical_name, compose, hyper_parameter, method_named, methods, register
from methods.conformance.suite import run_check
from methods.registry import short_names

LOSS_SIDE = sorted(name for name, method in methods.items() if method.owns)
OTHER_SIDE = sorted(
    name
    for name, method in methods.items()
    if not method.owns and "transform_gradients" in dir(method) and name != "vanilla"
)


@pytest.fixture(autouse=True)
def registry_restored():
    kept, kept_short = dict(methods), dict(short_names)
    yield
    methods.clear()
    methods.update(kept)
    short_names.clear()
    short_names.update(kept_short)


def test_each_side_has_the_methods_one_expects():
    assert {"freelb", "smart", "r3f", "roast-adversarial", "advembed", "rift", "infobert", "r-drop"} <= set(LOSS_SIDE)
    assert {"roast-selective", "childtuning-f", "childtuning-d", "l2-sp", "wconsol", "ema"} <= set(OTHER_SIDE)


@pytest.mark.parametrize(("loss_side", "other_side"), product(LOSS_SIDE, OTHER_SIDE))
def test_any_loss_side_method_combines_with_any_other_side_method(loss_side, other_side):
    first, second = methods[loss_side], methods[other_side]
    if issubclass(first, second):
        with pytest.raises(CompositionError, match="contain each other"):
            compose(loss_side, other_side)
        return
    both = compose(loss_side, other_side)
    assert both().values() == {**first().values(), **second().values()}
    assert both.owns == first.owns
    assert both.__mro__.index(first) < both.__mro__.index(second)


def test_names_are_canonical_whatever_the_order_and_the_spelling():
    assert canonical_name("selective+freelb") == "freelb+selective"
    assert canonical_name("freelb+roast-selective") == "freelb+selective"
    assert canonical_name("selective") == "roast-selective"
    assert canonical_name("freelb") == "freelb"
    assert canonical_name("ema+freelb+selective") == "freelb+ema+selective"
    assert method_named("selective") is methods["roast-selective"]
    assert method_named("selective+freelb") is compose("freelb", "selective")


def test_the_two_halves_combined_are_roast(tiny_model, batch):
    model = tiny_model("bert").double()
    halves, roast = compose("adversarial", "selective"), methods["roast"]
    torch.manual_seed(1)
    one = halves(epsilon=0.3).loss(model, batch)
    torch.manual_seed(1)
    assert torch.equal(one, roast(epsilon=0.3).loss(model, batch))
    assert halves().values() == roast().values()
    assert halves.published_settings == roast.published_settings


def test_a_combination_masks_the_gradients_of_the_other_method(tmp_path):
    from methods.conformance.tiny_training import tiny_trainer

    method = compose("freelb", "selective")(alpha=0.9, beta=10.0)
    trainer = tiny_trainer(method, tmp_path, max_steps=1)
    seen = {}
    transform = method.transform_gradients

    def watched(model):
        name = "bert.encoder.layer.0.intermediate.dense.weight"
        gradient = dict(model.named_parameters())[name].grad
        seen["before"] = gradient.clone()
        transform(model)
        seen["after"], seen["multiplier"] = gradient.clone(), method.state_dict()["multipliers"][name]

    method.transform_gradients = watched
    trainer.train()
    assert (seen["multiplier"] == 0).float().mean() > 0.5
    assert torch.equal(seen["after"], seen["before"] * seen["multiplier"])


@pytest.mark.parametrize(
    "name", ["freelb+selective", "smart+childtuning-d", "advweight+selective", "freelb+ema+wconsol", "r-drop+mixout"]
)
@pytest.mark.parametrize("check", ["trains", "repeatable", "resumes", "takes-turns", "costs-what-it-claims"])
def test_combinations_keep_the_promises_too(name, check):
    result = run_check(check, method_named(name), {})
    assert result.passed, result.failure


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("freelb", "smart"), "freelb and smart both make the loss; keep one of them"),
        (("freelb", "advweight"), "both make the backward pass; keep one of them"),
        (("roast", "selective"), "roast and roast-selective contain each other; leave one out"),
        (("freelb", "vanilla"), "vanilla adds nothing to a combination"),
        (("selective", "selective"), "contain each other"),
    ],
)
def test_what_does_not_combine_is_refused_in_one_line(names, said):
    with pytest.raises(CompositionError, match=said) as refusal:
        compose(*names)
    assert "\n" not in str(refusal.value)


def test_methods_with_a_hyper_parameter_of_the_same_name_do_not_combine():
    @register("louder")
    class Louder(Method):
        """Gradients times a factor."""

        alpha: float = hyper_parameter(2.0, ge=0, description="factor", source="here")

    with pytest.raises(CompositionError, match="louder and roast-selective both have a hyper-parameter 'alpha'"):
        compose("louder", "selective")


def test_a_method_that_lets_nobody_else_take_a_turn_does_not_combine():
    @register("alone")
    class Alone(Method):
        """Vanilla that keeps its state to itself."""

        def state_dict(self):
            return {}

    with pytest.raises(CompositionError, match=r"state_dict of alone does not call super\(\)\.state_dict"):
        compose("alone", "selective")


def test_an_unknown_part_is_named():
    with pytest.raises(KeyError, match="frelb"):
        method_named("frelb+selective")


def test_a_short_name_is_taken_once():
    with pytest.raises(ValueError, match="'selective' is taken"):
        register("other", short_name="selective")
    with pytest.raises(ValueError, match="'selective' is taken: it is short for 'roast-selective'"):
        register("selective")
    with pytest.raises(ValueError, match="'freelb' is taken"):
        register("other", short_name="freelb")
