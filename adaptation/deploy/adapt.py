"""Adaptation of a trained agent to a recording of a robot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fastadapt.adaptation.deploy.export import Exported, checked_path, exportable, write_agent
from fastadapt.adaptation.deploy.reading import Reading, read_parameters
from fastadapt.adaptation.deploy.recorded_trial import RecordedEpisode, over, read_trial
from fastadapt.adaptation.runs.open_run import open_run
from fastadapt.adaptation.runs.run import Run
from fastadapt.agents.graph import OBSERVATION, Graph
from fastadapt.agents.interface import (
    FollowsActions,
    HoldsBelief,
    SettableContext,
    Transition,
    agent_context,
    agent_name,
    gradient_steps,
    needs_shots,
)
from fastadapt.envs.arrays import Array
from fastadapt.errors import FastadaptError


@dataclass(frozen=True)
class Adapted:
    """Outcome of an adaptation to a recording.

    Attributes:
        agent: its name.
        task_set: id of its task set.
        episodes: number of recorded episodes.
        steps: number of control steps in them.
        seconds: that they lasted.
        moved: by how much the actions on the recorded observations differ from those of the agent
            that knows nothing of the robot: mean, in units of the actions' range.
        gradient_steps: taken on the recording.
        belief: mean and standard deviation of the belief, `(latent,)` each, where it holds one.
        readings: parameters of the task that can be read from what it infers.
        exported: files of the adapted policy, if they were asked for.
    """

    agent: str
    task_set: str
    episodes: int
    steps: int
    seconds: float
    moved: float
    gradient_steps: int
    belief: tuple[Array, Array] | None
    readings: tuple[Reading, ...] | None
    exported: Exported | None

    @property
    def information(self) -> float:
        """KL divergence of the belief from the prior [nat], 0 without a belief."""
        if self.belief is None:
            return 0.0
        mean, std = self.belief
        return float(0.5 * (mean**2 + std**2 - 1 - 2 * np.log(std)).sum())

    def text(self) -> str:
        """Return what the agent now believes."""
        lines = [
            f"{self.agent} of {self.task_set} lived through {self.episodes} recorded episode(s), "
            f"{self.steps} control steps, {self.seconds:.1f} s.",
            f"Its actions on the recorded observations now differ by {100 * self.moved:.1f} % of "
            "their range from those of the agent that knows nothing of the robot.",
        ]
        if self.belief is not None:
            pairs = " ".join(f"{m:+.2f}±{s:.2f}" for m, s in zip(*self.belief, strict=True))
            lines.append(f"Belief ({self.information:.1f} nat from the prior): {pairs}")
        if self.gradient_steps:
            lines.append(f"It took {self.gradient_steps} gradient step(s).")
        if self.readings:
            lines.append("Parameters of the task as read from what it infers (90 % intervals):")
            lines += [f"  {each.text()}" for each in self.readings]
        elif self.readings is not None:
            lines.append("No parameter of the task can be read from what it infers.")
        return "\n".join(lines)


def adapt(
    run: str | Path | Run,
    log: str | Path,
    out: str | Path | None = None,
    *,
    read: bool = True,
    torchscript: bool = False,
    two_graphs: bool = False,
) -> Adapted:
    """Feed a recording to a trained agent, say what it infers, and export it as it then is.

    Args:
        run: a run directory, or `zoo:NAME`.
        log: a recording; see `recorded_trial.record` for its columns.
        out: where to export the adapted agent, `*.onnx`.
        read: also read parameters of the task from what it infers; training tasks are simulated
            for that.
        torchscript: see `export`.
        two_graphs: see `export`.

    Raises:
        FastadaptError: the agent learns nothing in trials, the recording is not that of such a
            robot, or lacks the reward that the agent needs.
    """
    path = None if out is None else checked_path(out)
    opened = open_run(run)
    agent = exportable(opened)
    if not needs_shots(agent):
        raise FastadaptError(
            f"Agent '{agent_name(agent)}' does not adapt: a recording cannot change it. Give a run "
            "of an agent that does, such as rl2, pearl, maml or fine-tune."
        )
    task_set = opened.task_set
    told = len(task_set.names) if agent_context(agent) == "visible" else 0
    episodes = read_trial(log, task_set, told)
    before = agent.graph()
    live_through(agent, episodes, before)
    after = agent.graph()
    steps = sum(len(episode.actions) for episode in episodes)
    about = f"a recording of {steps} control steps ('{Path(log).name}')"
    kinds = {"torchscript": torchscript, "two_graphs": two_graphs}
    exported = None if path is None else write_agent(agent, opened, path, about, **kinds)
    seen = np.concatenate([episode.observations for episode in episodes])
    ranges = np.array([channel.high - channel.low for channel in task_set.environment.actions()])
    belief = agent.belief if isinstance(agent, HoldsBelief) else None
    readings = _read(agent, opened, len(episodes)) if read else None
    return Adapted(
        agent_name(agent),
        task_set.id,
        len(episodes),
        steps,
        steps * task_set.environment.control_step(),
        float((np.abs(_actions(after, seen) - _actions(before, seen)) / ranges).mean()),
        gradient_steps(agent),
        None if belief is None else (belief[0][0], belief[1][0]),
        readings,
        exported,
    )


def live_through(agent: Any, episodes: Sequence[RecordedEpisode], graph: Graph) -> None:
    """Let an agent that has begun one trial live through recorded episodes.

    Raises:
        FastadaptError: it needs rewards, and there are none.
    """
    follow = _follows(agent)
    for episode in episodes:
        if episode.rewards is None and (graph.needs_reward or follow):
            raise FastadaptError(
                f"The recording has no column 'reward', or it has gaps; agent "
                f"'{agent_name(agent)}' adapts by rewards. Add them, or train an agent with "
                "--no-reward-input."
            )
        rewards = np.zeros(len(episode.actions)) if episode.rewards is None else episode.rewards
        for t, action in enumerate(episode.actions):
            seen, following = episode.observations[t : t + 1], episode.observations[t + 1 : t + 2]
            if follow is not None:
                follow(seen, action[None])
            else:
                agent.act(seen, False)  # a memory takes in the observation
            agent.observe(
                Transition(seen, action[None], rewards[t : t + 1], following, *over(episode, t))
            )
        agent.end_episode(np.ones(1, bool))


def _follows(agent: Any) -> Any:
    """Return the method that learns from commanded actions, None if the agent needs none."""
    return agent.follow if isinstance(agent, FollowsActions) else None


@torch.no_grad()
def _actions(graph: Graph, seen: Array) -> Array:
    """Return actions `(T, actions)` at the first step of an episode that begins as observed."""
    initial = {b.name: np.array(b.initial or [0.0] * b.size) for b in graph.blocks}
    rest = {name: np.tile(values, (len(seen), 1)) for name, values in initial.items()}
    parts = [seen if name == OBSERVATION else rest[name] for name in initial]
    obs = torch.from_numpy(np.concatenate(parts, 1).astype(np.float32))
    memories = [torch.from_numpy(np.repeat(m.initial, len(seen), 1)) for m in graph.memories]
    found = graph.module(obs, *memories)
    return (found[0] if graph.memories else found).numpy().astype(np.float64)


def _read(agent: Any, run: Run, episodes: int) -> tuple[Reading, ...] | None:
    """Return what can be read from the agent's inferences, None where it offers none."""
    if not isinstance(agent, SettableContext):
        return None
    return read_parameters(agent.inferred()[0], run.agent(), run.task_set, episodes)
