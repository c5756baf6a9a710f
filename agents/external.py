"""External agents: models of Stable-Baselines3, Python factories, and random actions."""

from __future__ import annotations

import importlib
import json
import sys
import traceback
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.agents.interface import AdaptiveAgent, Transition
from fastadapt.agents.rollout.exploration import ExplorationNoise
from fastadapt.agents.spec import AgentSpec
from fastadapt.envs import TaskSet
from fastadapt.envs.arrays import Array, Mask
from fastadapt.errors import FastadaptError, unknown_name

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


class SB3Policy:
    """A Stable-Baselines3 (or sb3-contrib) model as it is: it acts and never learns.

    The state of a recurrent model begins anew with every episode, as Stable-Baselines3 trains it,
    unless it was trained on whole trials (`SB3VecEnv` with `episodes` above 1). It acts
    deterministically in shots too: it does not learn from trying, and its noise would come from one
    generator for all robots.

    Args:
        model: as its `load` returned it.
        normaliser: the `VecNormalize` that it was trained with, if any.
        name: in tables.
        whole_trials: whether the state carries over the episodes of a trial.
    """

    def __init__(
        self,
        model: Any,
        normaliser: Any = None,
        name: str = "sb3",
        whole_trials: bool = False,
    ) -> None:
        self._model = model
        self._normaliser = normaliser
        self.name = name
        self._whole_trials = whole_trials
        self.begin(1)

    def begin(self, num_tasks: int) -> None:
        self._state: Any = None
        self._start = np.ones(num_tasks, bool)

    def act(self, observation: Array, explore: bool) -> Array:
        seen = observation.astype(np.float32)
        if self._normaliser is not None:
            seen = self._normaliser.normalize_obs(seen)
        action, self._state = self._model.predict(
            seen, state=self._state, episode_start=self._start, deterministic=True
        )
        self._start = np.zeros(len(observation), bool)
        return action.astype(np.float64)

    def observe(self, transition: Transition) -> None:
        pass

    def end_episode(self, done: Mask) -> None:
        if not self._whole_trials:
            self._start = self._start | done

    def snapshot(self) -> Any:
        state = None if self._state is None else tuple(np.array(part) for part in self._state)
        return state, self._start.copy()

    def restore(self, snapshot: Any) -> None:
        state, start = snapshot
        self._state = None if state is None else tuple(part.copy() for part in state)
        self._start = start.copy()


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


def load_sb3(path: Path, task_set: TaskSet, whole_trials: bool = False) -> SB3Policy:
    """Load a model that Stable-Baselines3 or sb3-contrib saved.

    Such files hold pickles: open only those that you trust.

    Args:
        path: of its zip.
        task_set: that it will act on.
        whole_trials: see `SB3Policy`.

    Raises:
        FastadaptError: the file is missing or broken, or sizes differ.
    """
    algorithm = _algorithm(path)
    package = "sb3_contrib" if algorithm in _CONTRIB else "stable_baselines3"
    cls = getattr(importlib.import_module(package), algorithm)
    try:
        model = cls.load(path, device="cpu")
    except Exception as error:  # whatever a damaged pickle raises
        raise FastadaptError(f"'{path}' cannot be loaded as {algorithm}: {error}.") from None
    _check_sizes(path, model, task_set)
    name = f"sb3-{algorithm.lower()}"
    return SB3Policy(model, _normaliser(path, model), name, whole_trials)


_CONTRIB = ("RecurrentPPO", "TQC", "TRPO")
_MARKS = {
    "PPO": ("clip_range", "n_epochs", "gae_lambda"),
    "A2C": ("gae_lambda", "normalize_advantage"),  # as PPO, without its clipping
    "SAC": ("ent_coef", "target_entropy", "tau"),
    "TD3": ("policy_delay", "target_policy_noise"),
}


def _algorithm(path: Path) -> str:
    """Return which algorithm wrote a model: its file does not name it, but holds its settings."""
    if not path.is_file():
        raise FastadaptError(f"There is no file '{path}'. Give sb3: and the path of a model's zip.")
    try:
        with zipfile.ZipFile(path) as archive:
            data = json.loads(archive.read("data"))
    except (zipfile.BadZipFile, KeyError, ValueError):
        raise FastadaptError(
            f"'{path}' is damaged, or no model that Stable-Baselines3 saved with `model.save`."
        ) from None
    policy = str(data.get("policy_class", {}).get("__module__", ""))
    if "sb3_contrib" in policy:
        for part, name in (("recurrent", "RecurrentPPO"), ("tqc", "TQC"), ("trpo", "TRPO")):
            if part in policy:
                return name
    if "line_search_shrinking_factor" in data:
        return "TRPO"
    for name, marks in _MARKS.items():
        if all(mark in data for mark in marks):
            return name
    raise FastadaptError(
        f"'{path}' was written by an algorithm that is not known here; known are "
        f"{', '.join((*_MARKS, *_CONTRIB))}. Load it yourself in a factory: --agent module:factory."
    )


def _check_sizes(path: Path, model: Any, task_set: TaskSet) -> None:
    spec = AgentSpec.of(task_set)
    wanted = {
        "observations": (model.observation_space.shape, (len(spec.observations),)),
        "actions": (model.action_space.shape, (len(spec.actions),)),
    }
    for what, (has, needs) in wanted.items():
        if has != needs:
            raise FastadaptError(
                f"'{path}' is a model for {has} {what}; the robots of '{task_set.name}' have "
                f"{needs}. Evaluate it on the task set that it was trained for."
            )


def _normaliser(path: Path, model: Any) -> Any:
    file = path.with_name(path.name.removesuffix(".zip") + ".vecnormalize.pkl")
    if not file.is_file():
        return None
    import pickle

    try:
        with file.open("rb") as stream:
            normaliser = pickle.load(stream)
        normaliser.training = False
        normaliser.normalize_obs(np.zeros((1, *model.observation_space.shape), np.float32))
    except Exception as error:  # whatever a damaged pickle raises
        raise FastadaptError(f"'{file}' is no VecNormalize of this model: {error}.") from None
    return normaliser


def _from_factory(module: str, name: str, task_set: TaskSet, seed: int) -> AdaptiveAgent:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        home = importlib.import_module(module)
    except Exception as error:  # whatever a module does when it is imported
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
    except Exception as error:  # external code may raise anything
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


def _told(error: Exception) -> str:
    """Return the error of external code, and where it was raised."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    known = isinstance(error, SyntaxError | ImportError) or where.filename == __file__
    place = "" if known else f" ({where.filename}, line {where.lineno})"
    return f"{type(error).__name__}: {error}{place}"
