"""RoAST's ablations against masks worked out plainly from exact ranks."""

import pytest
import torch
from scipy.stats import rankdata

from methods import methods
from methods.conformance.tiny_training import tiny_trainer

ALPHA = 0.6


def masks_after_preparation(name, folder, **values):
    """Multipliers of the first mask, the model before training, and mean squared gradients of its training batches."""
    method = methods[name](alpha=ALPHA, beta=10.0, **values)
    trainer = tiny_trainer(method, folder, max_steps=1)
    seen = {}
    draw = method._draw

    def watched(run):
        seen["importance"] = {} if method.ranked_by != "gradient" else method._importance.mean()
        draw(run)
        seen["masks"] = {key: value.clone() for key, value in method._multipliers.items()}
        seen["weights"] = {key: value.detach().clone() for key, value in run.model.named_parameters()}

    method._draw = watched
    trainer.train()
    return seen


def flat(tensors, names):
    return torch.cat([tensors[name].flatten() for name in names])


def exact_ranks(values):
    return torch.from_numpy(rankdata(values.numpy(), method="average") - 1) / (len(values) - 1)


def test_hard_mask_keeps_exactly_the_ranks_above_alpha(tmp_path):
    seen = masks_after_preparation("roast-hard-mask", tmp_path)
    ranks = exact_ranks(flat(seen["importance"], seen["masks"]))
    kept = flat(seen["masks"], seen["masks"])
    clear = (ranks - ALPHA).abs() > 1e-4  # ranks are exact to 1e-4
    assert torch.equal(kept[clear], (ranks > ALPHA)[clear].float())
    assert clear.float().mean() > 0.99


def test_unscaled_mask_is_one_or_zero_where_the_scaled_one_is_one_over_p_or_zero(tmp_path):
    unscaled = masks_after_preparation("roast-unscaled", tmp_path / "unscaled")
    scaled = masks_after_preparation("roast", tmp_path / "scaled")
    ranks = exact_ranks(flat(scaled["importance"], scaled["masks"]))
    probability = 1 / (1 + torch.exp(-2 * 10.0 * (ranks - ALPHA)))
    one, other = (flat(seen["masks"], seen["masks"]) for seen in (unscaled, scaled))
    assert set(one.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(one > 0, other > 0)
    torch.testing.assert_close(other[other > 0].double(), 1 / probability[other > 0], rtol=5e-3, atol=0)


def test_magnitude_mask_ranks_the_weights_themselves(tmp_path):
    seen = masks_after_preparation("roast-magnitude-mask", tmp_path, mask="hard")
    ranks = exact_ranks(flat(seen["weights"], seen["masks"]).abs())
    kept = flat(seen["masks"], seen["masks"])
    clear = (ranks - ALPHA).abs() > 1e-4
    assert torch.equal(kept[clear], (ranks > ALPHA)[clear].float())


def test_random_mask_is_as_sparse_but_blind_to_weights_and_gradients(tmp_path):
    seen = masks_after_preparation("roast-random-mask", tmp_path, mask="hard")
    kept = flat(seen["masks"], seen["masks"])
    assert kept.mean().item() == pytest.approx(1 - ALPHA, abs=1e-3)
    magnitude = exact_ranks(flat(seen["weights"], seen["masks"]).abs())
    assert abs(torch.corrcoef(torch.stack([kept.double(), magnitude]))[0, 1]) < 0.05


def test_random_mask_is_drawn_anew_each_epoch(tmp_path):
    method = methods["roast-random-mask"](alpha=ALPHA, mask="hard")
    trainer = tiny_trainer(method, tmp_path)
    drawn = []
    draw = method._draw

    def watched(run):
        draw(run)
        drawn.append(flat(method._multipliers, method._multipliers).clone())

    method._draw = watched
    trainer.train()
    first, second, _ = drawn
    assert 0.4 < (first == second).float().mean() < 0.6  # two independent masks of 40 % agree in 52 %


@pytest.mark.parametrize("name", ["roast-hard-mask", "roast-unscaled", "roast-random-mask", "roast-magnitude-mask"])
def test_one_ingredient_differs_from_roast(name):
    theirs, ours = methods["roast"]().values(), methods[name]().values()
    assert theirs.keys() == ours.keys()
    assert len([key for key in theirs if theirs[key] != ours[key]]) == 1
