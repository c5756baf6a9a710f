"""Contract of an exported policy: what a controller writes into it, and what it gets back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from fastadapt.errors import FastadaptError

FORMAT = 1
PREFIX = "fastadapt."
MJLAB = (
    "run_path",
    "joint_names",
    "joint_stiffness",
    "joint_damping",
    "default_joint_pos",
    "command_names",
    "observation_names",
    "action_scale",
)
"""Keys that controllers for mjlab's policies read."""

RESETS = {
    "memory": "A fall, or a reset to a start pose: keep every memory, the previous action and the "
    "previous reward, and set episode_start to 1 at the next control step, else to 0. Another "
    "robot, or this one repaired or changed on purpose: begin again with the initial values of all "
    "memories and blocks.",
    "none": "There is nothing to keep or to reset.",
}
"""What a fall resets and what it does not."""


@dataclass(frozen=True)
class Signal:
    """One number of an observation or an action."""

    name: str
    unit: str
    low: float | None
    high: float | None


@dataclass(frozen=True)
class InputBlock:
    """A part of the input `obs`: its name, size, meaning, and content at the first control step."""

    name: str
    size: int
    meaning: str
    initial: list[float]


@dataclass(frozen=True)
class MemoryState:
    """A memory: input `NAME_in`, output `NAME_out`, its shape and content at the first step."""

    name: str
    shape: list[int]
    initial: list[float]


OFFSET, INCREMENT = "offset + scale * action", "last command + scale * action"


@dataclass(frozen=True)
class Commands:
    """How an action becomes the command of an actuator, in the actuator's units.

    Attributes:
        rule: `OFFSET`, or `INCREMENT`, where `offset` is the first of the last commands.
        offset: for each action.
        scale: for each action.
    """

    rule: str
    offset: list[float]
    scale: list[float]


@dataclass(frozen=True)
class Contract:
    """Everything about an exported policy that a controller, or a person, has to know.

    Attributes:
        agent: name of the agent.
        trained: command that trained it.
        adapted: on what it was adapted before the export, and by what it adapts in use.
        task_set: id of its task set.
        task_set_hash: hash of its content.
        environment: id of its environment.
        control_step: time between two calls [s].
        horizon: control steps of an episode in training.
        inputs: parts of `obs`, in order.
        observation: numbers of an observation, in order; parameters of the task come last.
        parameters: how many of them are parameters of the task.
        action: numbers of an action, in order.
        commands: how actions become commands of the actuators.
        memories: in order.
        needs_reward: the controller has to compute the reward.
        reset_rule: what a fall resets and what it does not.
        normaliser: origin of the statistics that scale inputs, inside the graph.
        versions: of what exported it.
        controller: values of the keys in `MJLAB`.
    """

    agent: str
    trained: str
    adapted: str
    task_set: str
    task_set_hash: str
    environment: str
    control_step: float
    horizon: int
    inputs: list[InputBlock]
    observation: list[Signal]
    parameters: int
    action: list[Signal]
    commands: Commands
    memories: list[MemoryState]
    needs_reward: bool
    reset_rule: str
    normaliser: str
    versions: dict[str, str]
    controller: dict[str, str]

    def metadata(self) -> dict[str, str]:
        """Return `metadata_props` of the ONNX file: mjlab's keys, and ours as JSON."""
        values = {k: v for k, v in asdict(self).items() if k != "controller"}
        ours = {f"{PREFIX}{name}": json.dumps(value) for name, value in values.items()}
        return {**self.controller, f"{PREFIX}format": str(FORMAT), **ours}

    @staticmethod
    def of(metadata: Mapping[str, str], where: str) -> Contract:
        """Return the contract in the metadata of a file.

        Args:
            metadata: of the file.
            where: its name, for errors.

        Raises:
            FastadaptError: there is none, or it is damaged or of a later format.
        """
        written = metadata.get(f"{PREFIX}format")
        if written is None:
            raise FastadaptError(
                f"'{where}' does not say what its inputs mean: its metadata has no key "
                f"'{PREFIX}format'. Give a file that `fastadapt export` wrote."
            )
        if written != str(FORMAT):
            raise FastadaptError(
                f"'{where}' has format {written:.40}; this version of fastadapt reads format "
                f"{FORMAT}. Export it again."
            )
        try:
            names = [f.name for f in fields(Contract) if f.name != "controller"]
            values: dict[str, Any] = {n: json.loads(metadata[f"{PREFIX}{n}"]) for n in names}
            values["inputs"] = [InputBlock(**each) for each in values["inputs"]]
            values["memories"] = [MemoryState(**each) for each in values["memories"]]
            for name in ("observation", "action"):
                values[name] = [Signal(**each) for each in values[name]]
            values["commands"] = Commands(**values["commands"])
            controller = {key: metadata[key] for key in MJLAB if key in metadata}
            return Contract(**values, controller=controller)
        except (KeyError, ValueError, TypeError, RecursionError):
            raise FastadaptError(
                f"The metadata of '{where}' is damaged. Export the agent again."
            ) from None

    @property
    def size(self) -> int:
        """Size of `obs`."""
        return sum(block.size for block in self.inputs)

    def yaml(self) -> str:
        """Return the contract as YAML, for people."""
        import yaml

        content = asdict(self)
        content["observation"] = [_signal(each) for each in self.observation]
        content["action"] = [_signal(each) for each in self.action]
        for part in (*content["inputs"], *content["memories"]):
            if not any(part["initial"]):
                part["initial"] = "zeros"
        head = "# What the policy beside this file takes and gives; its metadata says the same.\n"
        return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _signal(signal: Signal) -> str:
    """Return a number of an observation or an action in a line."""
    limits = [x for x in (signal.low, signal.high) if x is not None]
    within = f", {signal.low:g} to {signal.high:g}" if len(limits) == 2 else ""
    return f"{signal.name} [{signal.unit}]{within}"
