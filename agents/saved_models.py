"""Saved models of Stable-Baselines3 as agents, read without running the code that they may hold."""

from __future__ import annotations

import importlib
import io
import json
import pickle
import re
import zipfile
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from fastadapt.agents.interface import Transition
from fastadapt.agents.spec import AgentSpec
from fastadapt.envs import TaskSet
from fastadapt.envs.arrays import Array, Mask
from fastadapt.errors import FastadaptError
from fastadapt.trust import UntrustedError, ask_always


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


def load_sb3(path: Path, task_set: TaskSet, whole_trials: bool = False) -> SB3Policy:
    """Load a model that Stable-Baselines3 or sb3-contrib saved.

    Weights, spaces and settings are read as data where the file allows it; a model with classes of
    its own holds them as a pickle, which needs consent (see `fastadapt.trust`).

    Args:
        path: of its zip.
        task_set: that it will act on.
        whole_trials: see `SB3Policy`.

    Raises:
        UntrustedError: the model needs a pickle, and there is no consent.
        FastadaptError: the file is missing or broken, or sizes differ.
    """
    algorithm, data = _algorithm(path)
    package = "sb3_contrib" if algorithm in _CONTRIB else "stable_baselines3"
    cls = getattr(importlib.import_module(package), algorithm)
    settings = _plain_settings(data)
    if settings is None:
        ask_always(path, "the pickles in it: its policy, spaces or settings are not plain data")
    try:
        model = cls.load(path, device="cpu") if settings is None else _read(path, cls, settings)
    except Exception as error:  # whatever a damaged file raises
        raise FastadaptError(f"'{path}' cannot be loaded as {algorithm}: {error!s:.300}.") from None
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


def _algorithm(path: Path) -> tuple[str, dict[str, Any]]:
    """Return which algorithm wrote a model, and the settings that show it, without unpickling."""
    if not path.is_file():
        raise FastadaptError(f"There is no file '{path}'. Give sb3: and the path of a model's zip.")
    try:
        with zipfile.ZipFile(path) as archive:
            data = json.loads(archive.read("data"))
        policy = str(data.get("policy_class", {}).get("__module__", ""))
    except (zipfile.BadZipFile, KeyError, ValueError, AttributeError, RecursionError, OSError):
        raise FastadaptError(
            f"'{path}' is damaged, or no model that Stable-Baselines3 saved with `model.save`."
        ) from None
    if "sb3_contrib" in policy:
        for part, name in (("recurrent", "RecurrentPPO"), ("tqc", "TQC"), ("trpo", "TRPO")):
            if part in policy:
                return name, data
    if "line_search_shrinking_factor" in data:
        return "TRPO", data
    for name, marks in _MARKS.items():
        if all(mark in data for mark in marks):
            return name, data
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


_POLICIES = {
    "stable_baselines3.common.policies": "ActorCriticPolicy",
    "stable_baselines3.sac.policies": "SACPolicy",
    "stable_baselines3.td3.policies": "TD3Policy",
    "sb3_contrib.common.recurrent.policies": "RecurrentActorCriticPolicy",
    "sb3_contrib.tqc.policies": "TQCPolicy",
}
"""The policy for vectors of numbers in each module of the libraries."""
_ACTIVATION = re.compile(r"<class 'torch\.nn\.modules\.activation\.([A-Za-z]+)'>")


def _plain_settings(data: dict[str, Any]) -> dict[str, Any] | None:
    """Return policy and spaces as the file's JSON describes them, None if that is not enough."""
    home = data["policy_class"].get("__module__") if "policy_class" in data else None
    kwargs = _plain_kwargs(data.get("policy_kwargs"))
    spaces = {name: _plain_box(data.get(name)) for name in ("observation_space", "action_space")}
    if home not in _POLICIES or kwargs is None or None in spaces.values() or data.get("use_sde"):
        return None
    policy = getattr(importlib.import_module(home), _POLICIES[home])
    return {"policy": policy, "policy_kwargs": kwargs, **spaces}


def _plain_kwargs(found: Any) -> dict[str, Any] | None:
    """Return the arguments of a policy; those of its optimiser are left out, for it only acts."""
    import torch

    if not isinstance(found, dict):
        return None
    kept: dict[str, Any] = {}
    for name, value in found.items():
        if name.startswith(":") or name in ("optimizer_class", "optimizer_kwargs"):
            continue
        activation = _ACTIVATION.fullmatch(value) if isinstance(value, str) else None
        if activation and hasattr(torch.nn, activation[1]):
            value = getattr(torch.nn, activation[1])
        elif isinstance(value, str):
            return None
        kept[name] = value
    return kept


def _plain_box(found: Any) -> Any:
    """Return a `Box` whose bounds the file gives in full as text, else None."""
    from gymnasium.spaces import Box

    if not isinstance(found, dict) or "gymnasium.spaces.box.Box" not in str(found.get(":type:")):
        return None
    try:
        shape = tuple(int(size) for size in found["_shape"])
        low, high = (np.array(found[side].strip("[]").split(), float) for side in ("low", "high"))
        kind: Any = np.dtype(found["dtype"]).type
        return Box(low.reshape(shape).astype(kind), high.reshape(shape).astype(kind), shape, kind)
    except (KeyError, ValueError, TypeError, AttributeError, AssertionError):
        return None


def _read(path: Path, cls: Any, settings: dict[str, Any]) -> Any:
    """Return a model with the weights of a file, read as tensors only."""
    import torch

    # Settings of training that would need robots, memory or a class; acting uses none of them.
    unused = {"buffer_size": 1, "target_entropy": 0.0, "use_rms_prop": False}
    arguments = {name: unused[name] for name in unused.keys() & signature(cls).parameters.keys()}
    arguments["policy_kwargs"] = settings["policy_kwargs"]
    model = cls(settings["policy"], None, device="cpu", _init_setup_model=False, **arguments)
    model.observation_space, model.action_space = (
        settings["observation_space"],
        settings["action_space"],
    )
    model.n_envs = 1
    model._setup_model()
    with zipfile.ZipFile(path) as archive:
        weights = io.BytesIO(archive.read("policy.pth"))
    model.policy.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return model


def _normaliser(path: Path, model: Any) -> Any:
    file = path.with_name(path.name.removesuffix(".zip") + ".vecnormalize.pkl")
    if not file.is_file():
        return None
    try:
        content = file.read_bytes()
        normaliser: Any = _unpickled(file, content)
        normaliser.training = False
        normaliser.normalize_obs(np.zeros((1, *model.observation_space.shape), np.float32))
    except UntrustedError:
        raise
    except Exception as error:  # whatever a damaged pickle raises
        raise FastadaptError(
            f"'{file}' is no VecNormalize of this model: {error!s:.300}."
        ) from None
    return normaliser


class _NotDataError(Exception):
    """A pickle names something that is not data."""


class _DataUnpickler(pickle.Unpickler):
    """An unpickler that makes arrays, generators, boxes and running statistics, nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the classes that hold only data.

        Raises:
            _NotDataError: it is another one.
        """
        if (module.replace("numpy.core.", "numpy._core."), name) not in _DATA:
            raise _NotDataError(f"{module}.{name}")
        return super().find_class(module, name)


_DATA = {
    ("stable_baselines3.common.vec_env.vec_normalize", "VecNormalize"),
    ("stable_baselines3.common.running_mean_std", "RunningMeanStd"),
    ("gymnasium.spaces.box", "Box"),
    ("collections", "OrderedDict"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy.random._pickle", "__generator_ctor"),
    ("numpy.random._pickle", "__bit_generator_ctor"),
    ("numpy.random._pcg64", "PCG64"),
    ("numpy.random.bit_generator", "SeedSequence"),
    ("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"),
}
"""What a `VecNormalize` over vectors consists of."""


def _unpickled(file: Path, content: bytes) -> Any:
    """Return the object of a pickle of data; any other pickle needs consent."""
    try:
        return _DataUnpickler(io.BytesIO(content)).load()
    except _NotDataError as error:
        ask_always(file, f"a pickle with {error.args[0]}")
        return pickle.loads(content)
