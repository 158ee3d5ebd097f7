"""One property suite for every registered encoder and decoder."""

import pytest
import torch

from molvae.errors import ConfigError
from molvae.images.networks import DECODERS, ENCODERS, NetworkConfig, ResidualBlock
from molvae.images.vae import ImageVAEConfig

SHAPE = (1, 8, 12)
CONDITIONAL = [kind for kind in ENCODERS if kind not in ("slots", "monet", "grid")]


def config(kind: str, activation: str = "silu") -> NetworkConfig:
    return NetworkConfig(kind=kind, hidden_size=16, depth=2, channels=8, activation=activation)


@pytest.mark.parametrize("kind", CONDITIONAL)
def test_encoder_shapes_with_and_without_classes(kind):
    torch.manual_seed(0)
    x = torch.rand(5, *SHAPE)
    assert ENCODERS[kind](SHAPE, 8, config(kind))(x).shape == (5, 8)
    conditioned = ENCODERS[kind](SHAPE, 8, config(kind), classes=3)
    one, other = (conditioned(x, torch.eye(3)[[label] * 5]) for label in (0, 1))
    assert one.shape == (5, 8) and not torch.allclose(one, other)


@pytest.mark.parametrize("kind", CONDITIONAL)
def test_decoder_shapes_with_and_without_classes(kind):
    torch.manual_seed(0)
    z = torch.randn(2, 5, 4)
    assert DECODERS[kind]((2, 8, 12), 4, config(kind))(z).shape == (2, 5, 2, 8, 12)
    conditioned = DECODERS[kind]((2, 8, 12), 4, config(kind), classes=3)
    one, other = (conditioned(z, torch.eye(3)[[label] * 5]) for label in (0, 1))
    assert one.shape == (2, 5, 2, 8, 12) and not torch.allclose(one, other)


@pytest.mark.parametrize("kind", CONDITIONAL)
def test_classes_in_front_give_what_one_class_at_a_time_gives(kind):
    torch.manual_seed(0)
    x, every = torch.rand(5, *SHAPE), torch.eye(3).unsqueeze(1)
    encoder = ENCODERS[kind](SHAPE, 4, config(kind), classes=3)
    decoder = DECODERS[kind](SHAPE, 4, config(kind), classes=3)
    codes = encoder(x, every)
    assert codes.shape == (3, 5, 4)
    pictures = decoder(codes, every)
    for label in range(3):
        one = torch.eye(3)[[label] * 5]
        torch.testing.assert_close(codes[label], encoder(x, one), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(pictures[label], decoder(codes[label], one), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("activation", ["tanh", "relu", "silu", "softplus"])
def test_gradients_reach_every_weight(kind, activation):
    torch.manual_seed(0)
    size = 12 if kind == "grid" else 4  # two numbers at each of 2 x 3 positions
    encoder = ENCODERS[kind](SHAPE, size, config(kind, activation))
    decoder = DECODERS[kind](SHAPE, size, config(kind, activation))
    for name, parameter in [*encoder.named_parameters(), *decoder.named_parameters()]:
        if "layers.5" in name or "features" in name:
            torch.nn.init.normal_(parameter, std=0.1)  # residual blocks begin as the identity, with a zero last layer
    decoder(encoder(torch.rand(3, *SHAPE))).square().sum().backward()
    for parameter in [*encoder.parameters(), *decoder.parameters()]:
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all()


def test_a_residual_block_begins_as_the_identity():
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(ResidualBlock(8, torch.nn.SiLU)(x), x)


def test_a_broadcast_decoder_draws_what_its_tiled_form_would():
    """The first layer as one convolution of z and the coordinates at every pixel (Watters et al. 2019)."""
    torch.manual_seed(0)
    decoder = DECODERS["broadcast"]((2, 8, 12), 4, config("broadcast"))
    z = torch.randn(5, 4)
    tiled = torch.cat([z[:, :, None, None].expand(-1, -1, 8, 12), decoder.places.expand(5, -1, -1, -1)], 1)
    weight = torch.cat([decoder.first.linear.weight, decoder.place.weight.flatten(1)], 1)[:, :, None, None]
    expected = torch.nn.functional.conv2d(tiled, weight, decoder.first.linear.bias)
    torch.testing.assert_close(decoder(z), decoder.last(decoder.layers(expected)), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["slots", "monet"])
def test_slots_are_refused_a_condition_and_their_masks_cover_every_pixel_once(kind):
    with pytest.raises(ConfigError, match="not conditional"):
        ENCODERS[kind](SHAPE, 8, config(kind), classes=3)
    torch.manual_seed(0)
    decoder = DECODERS[kind]((3, 8, 12), 4 * 2, config(kind))
    pictures, masks = decoder.components(torch.randn(5, 8))
    assert pictures.shape == (5, 4, 3, 8, 12) and masks.shape == (5, 4, 1, 8, 12)
    torch.testing.assert_close(masks.sum(1), torch.ones(5, 1, 8, 12))
    z = torch.randn(2, 5, 4, 2)
    torch.testing.assert_close(decoder(z.flatten(-2)), decoder(z[:, :, [3, 1, 0, 2]].flatten(-2)))  # a set


def test_a_code_on_a_grid_keeps_its_place_in_the_image():
    """A residual block normalises over the whole image, but begins as the identity: a corner moves one code only."""
    torch.manual_seed(0)
    flat = NetworkConfig(kind="grid", depth=1, channels=8, levels=2)
    encoder, x = ENCODERS["grid"](SHAPE, 6 * 3, flat), torch.rand(1, *SHAPE)
    changed = x.clone()
    changed[..., 0, 0] += 1
    moved = (encoder(x) - encoder(changed)).view(2, 3, 3).abs().sum(-1) > 1e-6
    assert moved[0, 0] and moved.sum() == 1
    decoder = DECODERS["grid"]((2, 8, 12), 6 * 3, flat)
    assert decoder(torch.randn(4, 5, 18)).shape == (4, 5, 2, 8, 12)


def test_a_grid_refuses_what_does_not_fit_it():
    for kind in (ENCODERS, DECODERS):
        with pytest.raises(ConfigError, match="not conditional"):
            kind["grid"](SHAPE, 12, config("grid"), classes=3)
    with pytest.raises(ConfigError, match=r"2 levels need sides that are multiples of 4, not 8 x 10"):
        ENCODERS["grid"]((1, 8, 10), 8, config("grid"))
    with pytest.raises(ConfigError, match=r"a grid of 2 x 3 needs a latent_size that is a multiple"):
        ENCODERS["grid"](SHAPE, 13, config("grid"))


def test_convolutions_refuse_sides_that_do_not_halve_twice():
    with pytest.raises(ConfigError, match="use mlp"):
        ENCODERS["cnn"]((1, 9, 8), 4, config("cnn"))


def test_a_kind_has_an_encoder_and_a_decoder(monkeypatch):
    monkeypatch.setitem(ENCODERS, "half", ENCODERS["mlp"])
    for kind in ("transformer", "half"):
        with pytest.raises(ConfigError, match=r"setting 'kind': .*there are mlp, cnn, resnet, broadcast, slots"):
            NetworkConfig.create({"kind": kind})
    monkeypatch.setitem(DECODERS, "half", DECODERS["mlp"])
    assert NetworkConfig.create({"kind": "half"}).kind == "half"


def test_a_foreground_hides_a_background_where_its_gate_is_open():
    torch.manual_seed(0)
    decoder, z, c = (
        DECODERS["layered"](SHAPE, 6, config("layered"), classes=3),
        torch.randn(2, 5, 6),
        torch.eye(3)[[0] * 5],
    )
    foreground, background, gate = decoder.layers(z, c)
    assert foreground.shape == background.shape == (2, 5, *SHAPE) and gate.shape == (2, 5, 1, *SHAPE[1:])
    torch.testing.assert_close(decoder(z, c), gate * foreground + (1 - gate) * background)
    others = decoder.layers(z, torch.eye(3)[[1] * 5])
    assert torch.equal(others[1], background), "the condition does not reach the background"
    assert not torch.allclose(others[0], foreground) and not torch.allclose(others[2], gate)


def test_the_code_of_the_background_depends_on_that_of_the_foreground():
    torch.manual_seed(0)
    encoder, x = ENCODERS["layered"](SHAPE, 8, config("layered")), torch.rand(5, *SHAPE)
    before = encoder(x)
    with torch.no_grad():
        encoder.foreground.last[1].bias[:3] += 1  # means of the foreground, three of four
    difference = encoder(x) - before
    torch.testing.assert_close(difference[:, :3], torch.ones(5, 3))
    assert difference[:, 3].abs().min() > 0 and difference[:, 4:7].abs().max() == 0


def test_layers_are_pictures_and_share_the_code():
    with pytest.raises(ConfigError, match="layers are pictures"):
        ImageVAEConfig.create({"network": {"kind": "layered"}, "likelihood": "bernoulli"})
