"""The GRU with projected inputs computes what torch's GRU computes, and its own backward pass is right."""

import torch

from molvae.core.nn.recurrent import GatedRecurrence, gated_step

T, N, H = 5, 3, 4


def double_recurrence() -> GatedRecurrence:
    torch.manual_seed(0)
    module = GatedRecurrence(H).double()
    module.bias.data.normal_()
    return module


def test_agrees_with_torch_gru():
    ours = double_recurrence()
    reference = torch.nn.GRU(3 * H, H).double()
    with torch.no_grad():
        reference.weight_ih_l0.copy_(torch.eye(3 * H))
        reference.bias_ih_l0.zero_()
        reference.weight_hh_l0.copy_(ours.weight)
        reference.bias_hh_l0.zero_()
        reference.bias_hh_l0[2 * H :] = ours.bias
    x, h = torch.randn(T, N, 3 * H, dtype=torch.double), torch.randn(N, H, dtype=torch.double)
    torch.testing.assert_close(ours(x, h), reference(x, h.unsqueeze(0))[0])


def test_backward_pass_agrees_with_numerical_gradients():
    module = double_recurrence()
    x = torch.randn(T, N, 3 * H, dtype=torch.double, requires_grad=True)
    h = torch.randn(N, H, dtype=torch.double, requires_grad=True)
    weights = {name: p.detach().requires_grad_() for name, p in module.named_parameters()}

    def run(x, h, weight, bias):
        return torch.func.functional_call(module, {"weight": weight, "bias": bias}, (x, h))

    assert torch.autograd.gradcheck(run, (x, h, weights["weight"], weights["bias"]))


def test_step_by_step_is_the_same_as_all_at_once():
    module = double_recurrence()
    x, h = torch.randn(T, N, 3 * H, dtype=torch.double), torch.randn(N, H, dtype=torch.double)
    stepped = []
    with torch.no_grad():
        for t in range(T):
            stepped.append(gated_step(x[t], h if t == 0 else stepped[-1], module.weight, module.bias))
        torch.testing.assert_close(torch.stack(stepped), module(x, h))
