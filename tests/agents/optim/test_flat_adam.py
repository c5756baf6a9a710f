"""Adam on one vector takes the steps that Adam takes on its parts."""

import pytest
import torch
from torch import nn

from fastadapt.agents.optim.flat_adam import FlatAdam


def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2))


def loss(network, step):
    generator = torch.Generator().manual_seed(step)
    return network(torch.randn(9, 5, generator=generator)).square().mean()


def take_steps(network, adam, steps):
    for step in steps:
        adam.descend(loss(network, step))


def test_its_steps_are_adams():
    ours, theirs = make(), make()
    flat, plain = FlatAdam(ours.parameters(), 1e-2), torch.optim.Adam(theirs.parameters(), 1e-2)
    take_steps(ours, flat, range(5))
    for step in range(5):
        plain.zero_grad()
        loss(theirs, step).backward()
        plain.step()
    for got, wanted in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(got, wanted)
    for index, parameter in enumerate(theirs.parameters()):
        for name, value in plain.state[parameter].items():
            torch.testing.assert_close(torch.from_numpy(flat.state()[f"{index}.{name}"]), value)


@pytest.mark.parametrize("taken", [0, 3])
def test_it_goes_on_bit_for_bit(taken):
    straight, resumed = make(), make()
    adam = FlatAdam(straight.parameters(), 1e-2)
    take_steps(straight, adam, range(taken))
    state = adam.state()
    resumed.load_state_dict(straight.state_dict())
    other = FlatAdam(resumed.parameters(), 1e-2)
    other.load_state(state)
    for network, optimizer in ((straight, adam), (resumed, other)):
        take_steps(network, optimizer, range(10, 14))
    assert torch.equal(adam.values, other.values)


def test_a_single_number_is_a_parameter_too():
    number = nn.Parameter(torch.tensor(1.0))
    adam = FlatAdam([number], 0.1)
    adam.descend(number * 2.0)
    assert number.item() == pytest.approx(0.9)
    again = FlatAdam([nn.Parameter(torch.tensor(1.0))], 0.1)
    again.load_state(adam.state())
    assert {k: v.shape for k, v in again.state().items()} == {
        "0.step": (),
        "0.exp_avg": (),
        "0.exp_avg_sq": (),
    }
