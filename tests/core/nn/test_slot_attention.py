"""Slots are a set: they compete, and neither their order nor their number is fixed."""

import torch

from molvae.core.nn.slot_attention import SlotAttention


def attention() -> SlotAttention:
    torch.manual_seed(0)
    return SlotAttention(8, 16).eval()


def test_slots_follow_their_noise_and_inputs_have_no_order():
    layer, x, noise = attention(), torch.randn(2, 10, 8), torch.randn(2, 3, 8)
    slots = layer(x, noise)
    assert slots.shape == (2, 3, 8)
    torch.testing.assert_close(layer(x, noise[:, [2, 0, 1]]), slots[:, [2, 0, 1]])
    torch.testing.assert_close(layer(x[:, torch.randperm(10)], noise), slots, atol=1e-5, rtol=1e-4)
    assert layer(x, torch.randn(2, 7, 8)).shape == (2, 7, 8)


def test_gradients_reach_every_weight_through_all_iterations():
    layer = attention().train()
    layer(torch.randn(2, 10, 8), torch.randn(2, 3, 8)).square().sum().backward()
    for name, weight in layer.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name
