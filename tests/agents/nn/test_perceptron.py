"""Inputs of perceptrons that come in parts."""

import torch

from fastadapt.agents.nn.perceptron import Perceptron, concatenate


def test_the_rows_of_a_task_share_its_part():
    rows, tasks = torch.arange(6.0)[:, None], torch.tensor([[10.0, 11.0], [20.0, 21.0]])
    found = concatenate(rows, tasks)
    assert found[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert found[:, 1].tolist() == [10, 10, 10, 20, 20, 20]
    assert found[:, 2].tolist() == [11, 11, 11, 21, 21, 21]


def test_the_gradient_of_a_shared_part_is_summed_over_its_rows():
    tasks = torch.zeros(2, 1, requires_grad=True)
    concatenate(torch.zeros(6, 1), tasks)[:, 1].sum().backward()
    assert tasks.grad is not None
    assert tasks.grad.tolist() == [[3.0], [3.0]]


def test_layers_and_units_are_as_asked_for():
    shapes = [tuple(p.shape) for p in Perceptron(3, 7, 2, 5).parameters()]
    assert shapes == [(7, 3), (7,), (7, 7), (7,), (5, 7), (5,)]
    assert Perceptron(3, 7, 0, 5)(torch.zeros(0, 3)).shape == (0, 5)
