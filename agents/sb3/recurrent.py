"""Recurrent PPO of sb3-contrib on trials: an independent RL²."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from fastadapt.agents.config import AgentConfig
from fastadapt.agents.graph import Graph
from fastadapt.agents.interface import Transition
from fastadapt.agents.sb3.config import RecurrentConfig
from fastadapt.agents.sb3.export import lstm_graph
from fastadapt.agents.sb3.ppo import SB3PPO
from fastadapt.agents.sb3.trial_inputs import SB3TrialInputs, inputs, join
from fastadapt.agents.sb3.vec_env import SB3VecEnv
from fastadapt.agents.spec import AgentSpec
from fastadapt.envs.arrays import Array, Mask


class Recurrent(SB3PPO):
    """An independent RL²: an LSTM policy that sb3-contrib's `RecurrentPPO` trains on whole trials.

    The library forgets at the end of an episode, so that a trial is given to it as one episode.
    """

    name: ClassVar = "recurrent"
    config_class: ClassVar[type[AgentConfig]] = RecurrentConfig
    episodes_in_one: ClassVar = True
    config: RecurrentConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, spec: AgentSpec, seed: int, config: Any) -> None:
        super().__init__(spec, seed, config)
        self._nothing = self.model._last_lstm_states

    def _algorithm(self) -> RecurrentPPO:
        settings = self._settings()
        policy = settings["policy_kwargs"] | {
            "net_arch": [self.config.width],
            "lstm_hidden_size": self.config.width,
        }
        return RecurrentPPO("MlpLstmPolicy", None, **settings | {"policy_kwargs": policy})  # pyright: ignore[reportArgumentType]

    def _inputs(self, observations: int, actions: int) -> int:
        return inputs(observations, actions, self.config.reward_input)

    def _wrapped(self, face: SB3VecEnv) -> VecEnv:
        return SB3TrialInputs(face, self.config.reward_input)

    def _learn(self, steps: int, collecting: BaseCallback) -> None:
        self.model._last_lstm_states = self._nothing  # else it would continue from the last rollout
        super()._learn(steps, collecting)

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N unknown tasks with an empty memory."""
        super().begin(num_tasks)
        lstm = self.model.policy.lstm_actor
        shape = (lstm.num_layers, num_tasks, lstm.hidden_size)
        self._hidden = torch.zeros(shape), torch.zeros(shape)
        self._action = np.zeros((num_tasks, len(self._low)))
        self._reward = np.zeros(num_tasks)
        self._start = np.ones(num_tasks, bool)

    def _see(self, observation: Array) -> Tensor:
        reward = self._reward if self.config.reward_input else None
        rows = join(observation, self._action, reward, self._start)
        return super()._see(rows.astype(np.float64))

    def _gaussian(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        going_on = torch.zeros(len(inputs))
        found, hidden = self.model.policy.get_distribution(inputs, self._hidden, going_on)
        ended = torch.from_numpy(self._ended)[None, :, None]
        pairs = zip(self._hidden, hidden, strict=True)
        first, second = (torch.where(ended, old, new) for old, new in pairs)
        self._hidden = first, second
        return found.distribution.mean, found.distribution.stddev

    def observe(self, transition: Transition) -> None:
        """Remember the last action and its reward, of every robot whose episode still ran."""
        ended = self._ended
        self._action = np.where(ended[:, None], self._action, transition.action)
        self._reward = np.where(ended, self._reward, transition.reward)
        self._start = self._start & ended
        super().observe(transition)

    def end_episode(self, done: np.ndarray) -> None:
        """Flag the next step as the first of an episode; the memory carries on."""
        self._start = self._start | done
        super().end_episode(done)

    def empty_memory(self, where: Mask) -> None:
        """Empty the LSTM of robots `(N,)`; last action, last reward and flag stay."""
        emptied = torch.from_numpy(where)[None, :, None]
        cells, states = (torch.where(emptied, torch.zeros_like(h), h) for h in self._hidden)
        self._hidden = cells, states

    def inferred(self) -> Array:
        """Return both states of the LSTM of each robot, `(N, 2 x layers x width)`."""
        both = torch.stack(self._hidden)  # (2, layers, N, width)
        return both.permute(2, 0, 1, 3).flatten(1).numpy().astype(np.float64)

    def hold(self, inferred: Array) -> None:
        """Let the next control step begin from these states, `(N, 2 x layers x width)`."""
        layers, _, width = self._hidden[0].shape
        flat = torch.from_numpy(inferred.astype(np.float32))
        both = flat.reshape(-1, 2, layers, width).permute(1, 2, 0, 3).contiguous()
        self._hidden = both[0], both[1]

    def graph(self) -> Graph:
        """Return acting on robot 0 as a graph, from its memory between two episodes."""
        states = self._hidden[0][:, :1], self._hidden[1][:, :1]
        return lstm_graph(
            self.model.policy,
            self._entries(),
            (self._low, self._high),
            states,
            (self._action[0], float(self._reward[0])),
            self.config.reward_input,
            self._samples,
        )

    def snapshot(self) -> Any:
        """Return the memory of the trials so far; nothing in it is ever changed in place."""
        memory = self._hidden, self._action, self._reward, self._start
        return memory, super().snapshot()

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        (self._hidden, self._action, self._reward, self._start), rest = snapshot
        super().restore(rest)
