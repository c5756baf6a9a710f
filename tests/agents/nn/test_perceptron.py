"""Perceptrons evaluated in one piece say, and learn, what plain torch says."""

import pytest
import torch

from fastadapt.agents.nn import perceptron
from fastadapt.agents.nn.perceptron import Perceptron, evaluate

ROWS, TASKS, SIZES = 24, 4, (5, 3, 2)  # parts of the inputs: the second is shared by a task's rows


def make(width=20, layers=2, count=2):
    torch.manual_seed(0)
    return [Perceptron(sum(SIZES), width, layers, 3).double() for _ in range(count)]


def parts(seed=1):
    generator = torch.Generator().manual_seed(seed)
    shapes = zip((ROWS, TASKS, ROWS), SIZES, strict=True)
    drawn = [torch.randn(*s, dtype=torch.float64, generator=generator) for s in shapes]
    return [part.requires_grad_() for part in drawn]


def plainly(networks, given):
    inputs = torch.cat([given[0], given[1].repeat_interleave(ROWS // TASKS, 0), given[2]], 1)
    return torch.stack([network(inputs) for network in networks])


def gradients(said, networks, given):
    weights = [w for network in networks for w in network.parameters()]
    loss = (said * torch.linspace(-1, 1, said.numel()).view_as(said)).sum()
    return torch.autograd.grad(loss, [*given, *weights], retain_graph=True)


def check(networks, given):
    said, plain = evaluate(networks, *given), plainly(networks, given)
    torch.testing.assert_close(said, plain)
    ours, theirs = (gradients(x, networks, given) for x in (said, plain))
    for got, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("width", [7, 16, 20])  # with and without columns left over in a row
@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("count", [1, 2])
def test_it_equals_plain_torch(width, layers, count):
    check(make(width, layers, count), parts())


def test_gradients_equal_finite_differences():
    networks = make(6, 1)
    assert torch.autograd.gradcheck(lambda *given: evaluate(networks, *given), tuple(parts()))


def test_frozen_networks_pass_gradients_to_their_inputs_alone():
    networks, given = make(), parts()
    said = evaluate(networks, *given, learn=False)
    weights = [w for network in networks for w in network.parameters()]
    found = torch.autograd.grad(said.sum(), [*given, *weights], allow_unused=True)
    assert all(gradient is None for gradient in found[3:])
    wanted = torch.autograd.grad(plainly(networks, given).sum(), given)
    for got, expected in zip(found[:3], wanted, strict=True):
        torch.testing.assert_close(got, expected)


def check_graphs_keep_apart():
    """Evaluations whose gradients are taken later, in another order, and twice."""
    networks, one, two = make(), parts(1), parts(2)
    first, second = evaluate(networks, *one), evaluate(networks, *two)
    with torch.no_grad():
        evaluate(networks, *parts(3))
    for _ in range(2):
        for said, given in ((second, two), (first, one)):
            wanted = gradients(plainly(networks, given), networks, given)
            for got, expected in zip(gradients(said, networks, given), wanted, strict=True):
                torch.testing.assert_close(got, expected)


def test_memory_in_use_is_not_lent_again():
    check_graphs_keep_apart()


def test_memory_that_is_lent_twice_is_caught(monkeypatch):
    lend = perceptron._BUFFERS.lend
    lent = {}

    def again(rows, columns, dtype):
        shape = rows, columns, dtype
        return lent.setdefault(shape, lend(*shape))

    monkeypatch.setattr(perceptron._BUFFERS, "lend", again)
    with pytest.raises(AssertionError):
        check_graphs_keep_apart()
    perceptron._BUFFERS._free.clear()


def test_weights_that_changed_before_their_gradient_are_refused():
    networks, given = make(), parts()
    said = evaluate(networks, *given)
    with torch.no_grad():
        networks[0].weights[0].mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        said.sum().backward()


def test_no_rows_are_fine():
    assert evaluate(make(), torch.zeros(0, sum(SIZES), dtype=torch.float64)).shape == (2, 0, 3)


def test_memory_is_kept_within_a_limit(monkeypatch):
    from fastadapt.agents.nn import perceptron as row_buffers

    monkeypatch.setattr(row_buffers, "_KEPT", 10_000)
    buffers = row_buffers.RowBuffers()
    for rows in range(10, 60):
        loan = row_buffers.Loan(buffers, torch.float32)
        loan.matrix(rows, 16)
        del loan
    assert 0 < buffers._bytes <= 10_000
    assert buffers._bytes == sum(m.nbytes for free in buffers._free.values() for m in free)
