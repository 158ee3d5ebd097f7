"""A gated PixelCNN over a grid of classes."""

import itertools

import torch

from molvae.core.nn.pixel_cnn import GatedPixelCNN

K, H, W = 3, 4, 5


def network(classes: int = K, height: int = H, width: int = W) -> GatedPixelCNN:
    torch.manual_seed(0)
    return GatedPixelCNN(classes, height, width, channels=8, layers=4)


def test_a_position_sees_exactly_what_comes_before_it():
    net = network()
    index = torch.randint(K, (1, H * W), generator=torch.Generator().manual_seed(0))
    before = net(index)
    for place in range(H * W):
        changed = index.clone()
        changed[0, place] = (changed[0, place] + 1) % K
        moved = (net(changed) - before).abs().sum(-1)[0] > 1e-7
        assert not moved[: place + 1].any()
        # what lies next in reading order, beside it and below it, notices
        after = [p for p in (place + 1, place + W) if p < H * W and (p != place + 1 or p % W)]
        assert moved[after].all()


def test_all_grids_together_have_probability_one():
    net = network(2, 2, 2)
    every = torch.tensor(list(itertools.product(range(2), repeat=4)))
    torch.testing.assert_close(net.log_prob(every).sum(-1).exp().sum(), torch.tensor(1.0))


def test_draws_are_as_frequent_as_their_probability():
    net = network(2, 2, 2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(2)  # far from uniform
    drawn = net.sample(8_000, torch.Generator().manual_seed(0))
    every = torch.tensor(list(itertools.product(range(2), repeat=4)))
    expected = net.log_prob(every).sum(-1).exp().detach()
    counts = torch.bincount(drawn @ torch.tensor([8, 4, 2, 1]), minlength=16) / 8_000
    torch.testing.assert_close(counts, expected, atol=0.02, rtol=0)


def test_a_pattern_is_learned():
    """Rows that repeat the row above: only the first row costs anything."""
    net = network()
    rows = torch.randint(K, (60, 1, W), generator=torch.Generator().manual_seed(1)).expand(-1, H, -1).flatten(1)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(100):
        optimizer.zero_grad()
        (-net.log_prob(rows).sum(-1).mean()).backward()
        optimizer.step()
    nats = -net.log_prob(rows).detach().mean(0)
    assert nats[W:].max() < 0.1 and nats[:W].mean() > 0.8
