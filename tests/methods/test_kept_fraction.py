import torch

from methods.architecture import encoder_parameters, layers_of_parameters
from methods.kept_fraction import kept_fraction, kept_fraction_by_layer


def test_shares_of_all_parameters_together() -> None:
    masks = {"a": torch.tensor([0.0, 2.0, 0.0, 0.0]), "b": torch.tensor([True, True]), "c": torch.zeros(2)}
    assert kept_fraction(masks) == 3 / 8
    assert kept_fraction_by_layer(masks, {"a": 1, "b": 0, "c": 1, "elsewhere": 5}) == [1.0, 1 / 6]


def test_every_parameter_of_the_blocks_has_its_layer(tiny_model) -> None:
    model = tiny_model()
    layers = layers_of_parameters(model)
    assert layers.keys() == encoder_parameters(model).keys()
    for name, layer in layers.items():
        assert f"encoder.layer.{layer}." in name
