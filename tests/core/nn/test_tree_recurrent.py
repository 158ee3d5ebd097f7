"""Recurrence over a forest: each node sees what the formula says, and the gradient is that of the formula."""

import torch
from torch.autograd import gradcheck

from molvae.core.nn.tree_recurrent import TreeRecurrence, _Downwards, _Upwards

LEVELS = (0, 2, 5, 8, 9)  # two trees, nine nodes, four levels
PARENT = torch.tensor([0, 0, 0, 0, 1, 2, 2, 4, 6])


def forest(size: int = 4):
    torch.manual_seed(0)
    recurrence = TreeRecurrence(size).double()
    inputs = torch.randn(9, 3 * size, dtype=torch.double, requires_grad=True)
    roots = torch.randn(2, size, dtype=torch.double, requires_grad=True)
    return recurrence, inputs, roots


def test_upwards_each_node_reads_the_sum_of_its_children():
    recurrence, inputs, _ = forest()
    states, sums = recurrence.upwards(inputs, PARENT, LEVELS)
    torch.testing.assert_close(sums[2], states[5] + states[6])
    assert (sums[[3, 5, 7, 8]] == 0).all()
    torch.testing.assert_close(recurrence.step(inputs, sums), states)


def test_downwards_each_node_reads_its_parent():
    recurrence, inputs, roots = forest()
    states = recurrence.downwards(inputs, roots, PARENT, LEVELS)
    torch.testing.assert_close(states[:2], roots)
    torch.testing.assert_close(recurrence.step(inputs[2:], states[PARENT[2:]]), states[2:])


def test_the_gradients_are_those_of_the_formula():
    recurrence, inputs, roots = forest(3)
    weight, bias = recurrence.weight, recurrence.bias
    assert gradcheck(lambda x, w, b: _Upwards.apply(x, w, b, PARENT, LEVELS), (inputs, weight, bias))
    assert gradcheck(lambda x, r, w, b: _Downwards.apply(x, r, w, b, PARENT, LEVELS), (inputs, roots, weight, bias))
