import pytest
import torch
from plain_run import PlainRun, gradients, weights
from pydantic import ValidationError
from tiny_architectures import tiny_configurations

from methods import methods

ChildTuningF, ChildTuningD = methods["childtuning-f"], methods["childtuning-d"]


def with_gradients(model, batch):
    model.zero_grad()
    model(**batch).loss.backward()
    return gradients(model)


def halves(batch):
    return [{name: value[part] for name, value in batch.items()} for part in (slice(0, 2), slice(2, 4))]


def masked(method, model, batch):
    before = with_gradients(model, batch)
    method.transform_gradients(model)
    return before, gradients(model)


def test_f_keeps_or_drops_each_gradient_and_scales_what_it_keeps(tiny_model, batch):
    model = tiny_model("bert").double()
    method = ChildTuningF(reserve_probability=0.3)
    method.prepare(PlainRun(model))
    before, after = masked(method, model, batch)
    kept = total = 0
    for name in before:
        scaled = torch.isclose(after[name], before[name] / 0.3, rtol=0, atol=1e-12)
        assert bool((scaled | (after[name] == 0)).all()), name
        nonzero = before[name] != 0
        kept += int((after[name][nonzero] != 0).sum())
        total += int(nonzero.sum())
    assert abs(kept / total - 0.3) < 0.02  # five standard deviations at 13,000 gradients
    assert any("classifier" in name for name in before)
    assert all(bool((after[name] == 0).any()) for name in before if "embeddings.word" in name or "pooler" in name)


def test_f_is_unbiased(tiny_model, batch):
    model = tiny_model("bert").double()
    method = ChildTuningF(reserve_probability=0.5)
    method.prepare(PlainRun(model))
    name, draws = "bert.encoder.layer.0.attention.self.query.weight", 4000
    total = 0.0
    for _ in range(draws):
        model.zero_grad()
        parameter = dict(model.named_parameters())[name]
        parameter.grad = torch.ones_like(parameter)
        method.transform_gradients(model)
        total = total + parameter.grad
    assert float((total / draws - 1).abs().max()) < 5 / draws**0.5  # one draw deviates by 1


def test_f_draws_afresh_in_each_step_and_the_same_from_the_same_seed(tiny_model, batch):
    model = tiny_model("bert").double()

    def two_steps(seed):
        method = ChildTuningF()
        method.prepare(PlainRun(model, seed=seed))
        return [masked(method, model, batch)[1] for _ in range(2)]

    first, second = two_steps(3)
    name = "bert.encoder.layer.1.output.dense.weight"
    assert not torch.equal(first[name] != 0, second[name] != 0)
    torch.rand(5)  # the masks do not hang on the global generator
    for one, other in zip((first, second), two_steps(3), strict=True):
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert not torch.equal(two_steps(4)[0][name], first[name])


def test_f_continues_from_its_state(tiny_model, batch):
    model = tiny_model("bert").double()
    method, resumed = ChildTuningF(), ChildTuningF()
    method.prepare(PlainRun(model))
    masked(method, model, batch)
    resumed.load_state_dict(method.state_dict())
    one, other = masked(method, model, batch)[1], masked(resumed, model, batch)[1]
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_all_gradients_kept_is_vanilla(tiny_model, batch):
    model = tiny_model("bert").double()
    for method in (ChildTuningF(reserve_probability=1.0), ChildTuningD(reserve_fraction=1.0)):
        method.prepare(PlainRun(model, [batch]))
        before, after = masked(method, model, batch)
        assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("clip_norm", [0.0, 1e-3])
def test_d_keeps_the_gradients_of_largest_fisher_information_unscaled(tiny_model, batch, clip_norm):
    model = tiny_model("bert")
    method = ChildTuningD(reserve_fraction=0.3, fisher_clip_norm=clip_norm)
    batches = halves(batch)
    method.prepare(PlainRun(model, batches))

    fisher = {}
    for half in batches:
        for name, gradient in with_gradients(model, half).items():
            if ".encoder.layer." in name:
                norm = gradient.square().sum().sqrt()
                if clip_norm and norm > clip_norm:
                    gradient = gradient * clip_norm / (norm + 1e-6)
                fisher[name] = fisher.get(name, 0) + gradient.square() / len(batches)
    everything = torch.cat([values.flatten() for values in fisher.values()])
    threshold = everything.sort().values[-round(0.3 * len(everything))]

    before, after = masked(method, model, batch)
    disagreeing = kept = 0
    for name in before:
        if name in fisher:
            child = fisher[name] >= threshold
            assert bool(((after[name] == before[name]) | (after[name] == 0)).all()), name
            disagreeing += int(((after[name] == before[name]) != (child | (before[name] == 0))).sum())
            kept += int(child.sum())
        else:
            assert torch.equal(after[name], before[name]), name
    assert disagreeing <= 2e-4 * len(everything) + 1  # ranks are exact to 1e-4
    assert abs(method.report()["child_fraction"] - 0.3) < 3e-4
    assert abs(kept / len(everything) - 0.3) < 3e-4


def test_the_clipped_fisher_information_chooses_another_child(tiny_model, batch):
    children = []
    for clip_norm in (0.0, 1e-3):
        model = tiny_model("bert")
        method = ChildTuningD(fisher_clip_norm=clip_norm)
        method.prepare(PlainRun(model, [batch]))
        children.append(method.state_dict()["childtuning_d"])
    assert any(not torch.equal(children[0][name], children[1][name]) for name in children[0])


def test_d_moves_the_child_alone_and_never_another_one(tiny_model, batch):
    model = tiny_model("bert")
    method = ChildTuningD(reserve_fraction=0.2)
    method.prepare(PlainRun(model, halves(batch)))
    start = weights(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    for _ in range(3):
        masked(method, model, batch)
        optimizer.step()
    child = method.state_dict()["childtuning_d"]
    assert set(child) == {name for name in start if ".encoder.layer." in name}
    for name, parameter in model.named_parameters():
        if name in child:
            assert torch.equal(parameter[~child[name]], start[name][~child[name]]), name
    name = "bert.encoder.layer.0.intermediate.dense.weight"
    assert bool((dict(model.named_parameters())[name] != start[name])[child[name]].any())


def test_d_refuses_frozen_blocks(tiny_model, batch):
    model = tiny_model("bert")
    model.bert.encoder.requires_grad_(False)
    with pytest.raises(ValueError, match=r"^BertForSequenceClassification: its transformer blocks are frozen"):
        ChildTuningD().prepare(PlainRun(model, [batch]))


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
@pytest.mark.parametrize("name", ["childtuning-f", "childtuning-d"])
def test_gradients_are_finite_on_every_architecture(tiny_model, batch, architecture, name):
    model = tiny_model(architecture)
    method = methods[name]()
    method.prepare(PlainRun(model, [batch]))
    before, after = masked(method, model, batch)
    assert all(bool(torch.isfinite(gradient).all()) for gradient in after.values())
    assert any(not torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("childtuning-f", {"reserve_probability": 0.0}),
        ("childtuning-f", {"reserve_probability": 1.1}),
        ("childtuning-d", {"reserve_fraction": 0.0}),
        ("childtuning-d", {"reserve_fraction": 1.1}),
        ("childtuning-d", {"fisher_clip_norm": -1.0}),
    ],
)
def test_values_out_of_range_are_refused(name, values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        methods[name](**values)
