"""Lessons: what a student lived through, and what its teacher would have done there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fastadapt.agents.onpolicy.acting import PolicyAgent
from fastadapt.agents.onpolicy.stream import Stream
from fastadapt.envs.arrays import Array, Mask

Teach = Callable[[Array, Array], Array]
"""Returns a teacher's commands `(N, actions)` for observations and scaled parameters."""


@dataclass
class Lesson:
    """T control steps of N robots; every tensor is `(T, N, ...)`.

    Attributes:
        inputs: of the student.
        fresh: where trials begin.
        commands: of the teacher.
        context: scaled parameters of the tasks.
        hidden: the student's memory before the first step, `(N, memory)`.
    """

    inputs: Tensor
    fresh: Tensor
    commands: Tensor
    context: Tensor
    hidden: Tensor

    def taught(self, burn_in: int) -> Tensor:
        """Return which steps `(T, N)` teach: not the first ones, whose memory is out of date.

        A trial that begins within the lesson begins with an empty memory, which never is.
        """
        begun = self.fresh.cumsum(0) > 0
        return begun | (torch.arange(len(self.fresh)) >= burn_in)[:, None]

    def state(self) -> dict[str, NDArray]:
        """Return the arrays by name."""
        return {field.name: getattr(self, field.name).numpy().copy() for field in fields(self)}

    def load_state(self, state: dict[str, NDArray]) -> None:
        """Return to what `state` gave."""
        for field in fields(self):
            setattr(self, field.name, torch.from_numpy(state[field.name].copy()))

    @staticmethod
    def of(state: dict[str, NDArray]) -> Lesson:
        """Return the lesson that gave `state`."""
        return Lesson(**{name: torch.from_numpy(value.copy()) for name, value in state.items()})


@torch.no_grad()
def give_lesson(
    student: PolicyAgent,
    teach: Teach,
    stream: Stream,
    hidden: Tensor,
    steps: int,
    led: Mask,
    noise: float,
    generator: torch.Generator,
) -> tuple[Lesson, Tensor]:
    """Let the student act and the teacher say what it would do (Ross et al. 2011, "DAgger").

    Args:
        student: acts on what it sees.
        teach: the teacher.
        stream: the student's robots.
        hidden: its memory of them, `(N, memory)`.
        steps: T.
        led: which robots the teacher leads, `(N,)`.
        noise: standard deviation of the exploration noise.
        generator: for the noise.

    Returns:
        The lesson, and the memory after it.
    """
    begin, kept = hidden, []
    for _ in range(steps):
        fresh = torch.from_numpy(stream.fresh.copy())
        inputs = student.scales.inputs(stream.observation, stream.history, student.sees)
        output = student.policy.run(inputs[None], hidden, fresh[None])
        hidden, mean = output.hidden, output.mean[0].numpy()
        commands = teach(stream.observation, stream.context)
        told = torch.from_numpy(commands.astype(np.float32))
        context = torch.from_numpy(stream.context.astype(np.float32))
        kept.append((inputs, fresh, told, context))
        action = np.where(led[:, None], commands, mean)
        action = action + noise * torch.randn(action.shape, generator=generator).numpy()
        stream.advance(np.clip(action, *student.limits))
    inputs, fresh, told, context = (torch.stack(column) for column in zip(*kept, strict=True))
    return Lesson(inputs, fresh, told, context, begin), hidden


def lesson_loss(
    student: PolicyAgent,
    reader: nn.Linear,
    lesson: Lesson,
    robots: Tensor,
    burn_in: int,
    context_weight: float,
) -> tuple[Tensor, dict[str, float]]:
    """Return the loss on the sequences of some robots, and what it is made of.

    Args:
        student: whose policy learns.
        reader: reads the parameters of the task from its memory.
        lesson: where the sequences are.
        robots: `(n,)`.
        burn_in: first steps that teach nothing.
        context_weight: of the error of the parameters.
    """
    output = student.policy.run(
        lesson.inputs[:, robots], lesson.hidden[robots], lesson.fresh[:, robots]
    )
    weight = lesson.taught(burn_in)[:, robots].float()
    weight = weight / weight.sum()
    error = ((output.mean - lesson.commands[:, robots]).square().mean(-1) * weight).sum()
    misread = (reader(output.states) - lesson.context[:, robots]).square().mean(-1)
    misread = (misread * weight).sum()
    measured = {"command_error": error.item(), "context_error": misread.item()}
    return error + context_weight * misread, measured
