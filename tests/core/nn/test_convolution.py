"""The channels-last convolution is torch's own, and a causal one does not look ahead."""

import pytest
import torch
from torch import nn

from molvae.core.nn.convolution import SequenceConvolution, sequence_first


@pytest.mark.parametrize("width", (1, 3, 5))
@pytest.mark.parametrize("dilation", (1, 2, 4))
def test_it_computes_what_conv1d_computes(width, dilation):
    torch.manual_seed(0)
    ours = SequenceConvolution(6, 4, width, dilation)
    theirs = nn.Conv1d(6, 4, width, padding="same", dilation=dilation)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(3, 11, 6)
    made = ours(sequence_first(x))
    assert made.shape == (3, 4, 1, 11)
    torch.testing.assert_close(made.squeeze(2), theirs(x.transpose(1, 2)), atol=1e-5, rtol=1e-5)


def test_a_causal_one_sees_nothing_later():
    torch.manual_seed(0)
    convolution = SequenceConvolution(6, 4, 5, dilation=2, causal=True)
    x = torch.randn(1, 20, 6)
    changed = x.clone()
    changed[:, 12:] += 1
    before, after = convolution(sequence_first(x)), convolution(sequence_first(changed))
    torch.testing.assert_close(before[..., :12], after[..., :12], atol=1e-6, rtol=1e-6)
    assert not torch.allclose(before[..., 12:], after[..., 12:])
