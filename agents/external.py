"""External agents: saved models of Stable-Baselines3, Python factories, and random actions."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.agents.interface import AdaptiveAgent, Transition
from fastadapt.agents.rollout.exploration import ExplorationNoise
from fastadapt.agents.saved_models import load_sb3
from fastadapt.agents.spec import AgentSpec
from fastadapt.envs import TaskSet
from fastadapt.envs.arrays import Array, Mask
from fastadapt.errors import FastadaptError, unknown_name
from fastadapt.trust import ask

_METHODS = ("begin", "act", "observe", "end_episode", "snapshot", "restore")


class RandomAgent:
    """Uniform random actions, keyed by task and step: the score of doing nothing sensible."""

    name = "random"

    def __init__(self, task_set: TaskSet, seed: int = 0) -> None:
        spec = AgentSpec.of(task_set)
        self.seed = seed
        self._low, self._high = spec.action_low, spec.action_high
        self._noise = ExplorationNoise(seed, len(spec.actions))

    def begin(self, num_tasks: int) -> None:
        self._noise.begin(num_tasks)
        self._ended = np.zeros(num_tasks, bool)

    def key_exploration(self, keys: NDArray[np.uint64]) -> None:
        """Take the keys of the trials, so that a task's actions are its own."""
        self._noise.key(keys)

    def act(self, observation: Array, explore: bool) -> Array:
        from scipy.special import ndtr

        return self._low + (self._high - self._low) * ndtr(self._noise.draw())

    def observe(self, transition: Transition) -> None:
        self._noise.advance(~self._ended)
        self._ended = self._ended | transition.terminated | transition.truncated

    def end_episode(self, done: Mask) -> None:
        self._ended = self._ended & ~done

    def snapshot(self) -> Any:
        return self._noise.snapshot(), self._ended

    def restore(self, snapshot: Any) -> None:
        noise, self._ended = snapshot
        self._noise.restore(noise)


def load_agent(reference: str, task_set: TaskSet, seed: int = 0) -> AdaptiveAgent:
    """Return the agent that a reference names.

    Args:
        reference: `sb3:model.zip` (a `model.vecnormalize.pkl` beside it is used too),
            `sb3-trials:model.zip` for a recurrent one that was trained on whole trials,
            `module:factory` (called with the task set and the seed; the module may lie in the
            working directory), or `random`.
        task_set: what it will be evaluated on.
        seed: given to the factory.

    Raises:
        FastadaptError: there is no such file, module or factory, or it does not fit.
    """
    if reference == "random":
        return RandomAgent(task_set, seed)
    kind, _, rest = reference.partition(":")
    if not rest:
        raise FastadaptError(
            f"'{reference}' names no agent. Give sb3:model.zip, module:factory, or random."
        )
    if kind in MODELS:
        return load_sb3(Path(rest), task_set, whole_trials=MODELS[kind])
    return _from_factory(kind, rest, task_set, seed)


MODELS = {"sb3": False, "sb3-trials": True}
"""How a reference to a saved model begins, and whether its memory spans the episodes of a trial."""


def _from_factory(module: str, name: str, task_set: TaskSet, seed: int) -> AdaptiveAgent:
    ask(f"the agent '{module}:{name}'")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        home = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # whatever a module does when it is imported
        raise FastadaptError(
            f"Cannot import '{module}': {_told(error)}. Give module:factory with a module that "
            "lies in the working directory or is installed."
        ) from error
    factory = getattr(home, name, None)
    if not callable(factory):
        known = [n for n in vars(home) if callable(getattr(home, n)) and not n.startswith("_")]
        raise unknown_name(f"callable in '{module}' called", name, known)
    try:
        agent: Any = factory(task_set, seed)
    except FastadaptError:
        raise
    except (Exception, SystemExit) as error:  # external code may raise anything
        raise FastadaptError(
            f"{module}:{name} failed: {_told(error)}. It is called with the task set and the seed, "
            "and has to return an agent."
        ) from error
    if isinstance(agent, type):
        raise FastadaptError(
            f"{module}:{name} returned the class {agent.__name__}, not an object of it."
        )
    missing = [method for method in _METHODS if not callable(getattr(agent, method, None))]
    if missing:
        raise FastadaptError(
            f"What {module}:{name} returned is no agent: it lacks {', '.join(missing)}. An agent "
            f"has {', '.join(_METHODS)} (see fastadapt.agents.AdaptiveAgent)."
        )
    return agent


def _told(error: BaseException) -> str:
    """Return the error of external code, and where it was raised."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    known = isinstance(error, SyntaxError | ImportError) or where.filename == __file__
    place = "" if known else f" ({where.filename}, line {where.lineno})"
    return f"{type(error).__name__}: {error}{place}"
