"""An exported policy as an agent, through onnxruntime and without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.deploy.contract import Contract
from fastadapt.agents.interface import Transition
from fastadapt.envs import TaskSet, list_task_sets, load_task_set
from fastadapt.envs.arrays import Array, Mask
from fastadapt.errors import FastadaptError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class _Trials:
    """State of N robots within their trials; no array is changed in place.

    Attributes:
        memories: `(layers, N, hidden)` each.
        last: observation at the end of the last control step, `(N, observations)`.
        action: previous action, `(N, actions)`.
        reward: previous reward, `(N,)`.
        start: where an episode begins, `(N,)`.
        ended: whose episode has ended, `(N,)`.
    """

    memories: tuple[Floats, ...]
    last: Array
    action: Array
    reward: Array
    start: Mask
    ended: Mask


class OnnxAgent:
    """An exported policy, acting on N robots at once as the agent did that it was made of.

    Actions are deterministic, in shots too.

    Args:
        path: of a file that `fastadapt export` wrote.

    Attributes:
        contract: what the file says about itself.
        name: of the agent it was made of.
        needs_shots: it remembers something from one episode to the next.
        context: whether its observations end with the parameters of the task.

    Raises:
        FastadaptError: the file is no exported policy.
    """

    def __init__(self, path: str | Path) -> None:
        model = _relaxed(Path(path))
        runtime = _runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session: Any = runtime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.contract = Contract.of(metadata, str(path))
        self.name = self.contract.agent
        self.needs_shots = bool(self.contract.memories)
        visible = self.contract.parameters > 0
        self.context: Literal["hidden", "visible"] = "visible" if visible else "hidden"
        self.begin(1)

    def task_set(self) -> TaskSet:
        """Return the task set that the policy was trained on, if it is a shipped one.

        Raises:
            FastadaptError: it is not, or has changed since.
        """
        wanted = self.contract.task_set
        for name in (wanted, wanted.rpartition("-v")[0]):
            if name in list_task_sets():
                found = load_task_set(name)
                if found.hash == self.contract.task_set_hash:
                    return found
        raise FastadaptError(
            f"The policy was trained on '{wanted}' (hash {self.contract.task_set_hash}), which is "
            "not among the shipped task sets. Name one with --task-set."
        )

    def check(self, task_set: TaskSet) -> None:
        """Refuse robots that the policy was not made for.

        Raises:
            FastadaptError: their observations or actions are others.
        """
        environment, contract = task_set.environment, self.contract
        told = len(contract.observation) - contract.parameters
        parameters = [signal.name for signal in contract.observation[told:]]
        for what, mine, theirs in (
            ("observations", contract.observation[:told], environment.observations),
            ("actions", contract.action, environment.actions()),
        ):
            ours, others = [s.name for s in mine], [channel.name for channel in theirs]
            if ours != others:
                odd = next((n for n in ours if n not in others), f"{len(others)} of them")
                raise FastadaptError(
                    f"The policy was made for {contract.environment}; the {what} of "
                    f"'{task_set.id}' are others ({odd}). Choose a task set of the same robot, "
                    f"such as {contract.task_set}."
                )
        if contract.parameters and parameters != list(task_set.names):
            raise FastadaptError(
                f"The policy observes the task parameters of {contract.task_set}; those of "
                f"'{task_set.id}' are others. Run it on {contract.task_set}."
            )

    def begin(self, num_tasks: int) -> None:
        """Begin trials of N robots of which nothing is known but what the file holds."""
        contract = self.contract
        initial = {block.name: np.array(block.initial) for block in contract.inputs}
        actions, observations = len(contract.action), len(contract.observation)
        self._trials = _Trials(
            tuple(_repeated(m.initial, m.shape, num_tasks) for m in contract.memories),
            np.zeros((num_tasks, observations)),
            np.tile(initial.get("previous_action", np.zeros(actions)), (num_tasks, 1)),
            np.tile(initial.get("previous_reward", np.zeros(1)), num_tasks),
            np.ones(num_tasks, bool),
            np.zeros(num_tasks, bool),
        )

    def act(self, observation: Array, explore: bool) -> Array:
        """Return actions `(N, actions)`."""
        trials = self._trials
        parts = {
            "observation": observation,
            "last_observation": trials.last,
            "previous_action": trials.action,
            "previous_reward": trials.reward[:, None],
            "episode_start": trials.start[:, None],
        }
        obs = np.concatenate([parts[block.name] for block in self.contract.inputs], 1)
        feed = {"obs": obs.astype(np.float32)}
        for memory, state in zip(self.contract.memories, trials.memories, strict=True):
            feed[f"{memory.name}_in"] = state
        actions, *states = self._session.run(None, feed)
        waits = trials.ended[None, :, None]
        kept = (np.where(waits, a, b) for a, b in zip(trials.memories, states, strict=True))
        self._trials = replace(trials, memories=tuple(kept))
        return actions.astype(np.float64)

    def observe(self, transition: Transition) -> None:
        """Keep what the next control step needs of a transition."""
        trials = self._trials
        waits = trials.ended
        self._trials = replace(
            trials,
            last=np.where(waits[:, None], trials.last, transition.next_observation),
            action=np.where(waits[:, None], trials.action, transition.action),
            reward=np.where(waits, trials.reward, transition.reward),
            start=trials.start & waits,
            ended=waits | transition.done,
        )

    def end_episode(self, done: Mask) -> None:
        """Flag the next control step as the first of an episode; memories go on."""
        trials = self._trials
        self._trials = replace(trials, start=trials.start | done, ended=trials.ended & ~done)

    def snapshot(self) -> Any:
        """Return the state of the trials."""
        return self._trials

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        self._trials = snapshot


def _repeated(values: list[float], shape: list[int], num: int) -> Floats:
    """Return the memories of N robots, `(layers, N, hidden)`."""
    return np.tile(np.array(values, np.float32).reshape(shape), (1, num, 1))


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise FastadaptError(
            "This needs the package 'onnxruntime', which is not installed. Run "
            "`pip install 'fastadapt[export]'`."
        ) from None
    return onnxruntime


def _relaxed(path: Path) -> bytes:
    """Return the file's content, made to take any number of robots."""
    if not path.is_file():
        raise FastadaptError(f"'{path}' does not exist. Give a file that `fastadapt export` wrote.")
    try:
        import onnx
    except ImportError:
        raise FastadaptError(
            "This needs the package 'onnx', which is not installed. Run "
            "`pip install 'fastadapt[export]'`."
        ) from None
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # whatever a damaged file raises
        raise FastadaptError(
            f"'{path}' is no ONNX file, or a damaged one ({error!s:.100}). Export it again."
        ) from None
    Contract.of({entry.key: entry.value for entry in model.metadata_props}, str(path))
    for value in (*model.graph.input, *model.graph.output):
        axis = 0 if value.name in ("obs", "actions") else 1
        value.type.tensor_type.shape.dim[axis].dim_param = "robots"
    return model.SerializeToString()
