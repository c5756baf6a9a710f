"""Export of a trained agent as a file that a controller loads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastadapt.adaptation.deploy.contract import (
    OFFSET,
    RESETS,
    Contract,
    InputBlock,
    MemoryState,
    Signal,
)
from fastadapt.adaptation.deploy.controller_keys import commands, controller_keys
from fastadapt.adaptation.deploy.torchscript import write_torchscript
from fastadapt.adaptation.deploy.write import (
    require,
    save_onnx,
    write_onnx,
)
from fastadapt.adaptation.runs.files import write_text
from fastadapt.adaptation.runs.machine import versions
from fastadapt.adaptation.runs.open_run import open_run
from fastadapt.adaptation.runs.run import Run
from fastadapt.adaptation.trials.runner import LEAST, run_trials
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.graph import BLOCKS, Graph, HasBeliefGraphs, HasGraph
from fastadapt.agents.interface import agent_context, agent_name
from fastadapt.envs import Task, TaskSet, make_batch
from fastadapt.envs.arguments import whole_number
from fastadapt.errors import FastadaptError, unknown_name

if TYPE_CHECKING:
    from fastadapt.agents.interface import AdaptiveAgent


@dataclass(frozen=True)
class Exported:
    """Outcome of an export.

    Attributes:
        files: that were written.
        contract: of the policy.
        warnings: sentences about what the controller has to provide.
    """

    files: tuple[Path, ...]
    contract: Contract
    warnings: tuple[str, ...]


def export(
    run: str | Path | Run,
    out: str | Path,
    *,
    shots: int = 0,
    split: str | None = None,
    task: str | None = None,
    seed: int = 0,
    torchscript: bool = False,
    two_graphs: bool = False,
) -> Exported:
    """Write a trained agent as ONNX, with a YAML file beside it that says the same for people.

    Everything that acting needs is inside: normalisers, limits, and the update of a memory or
    belief, which are inputs and outputs. Actions are deterministic.

    Args:
        run: a run directory, or `zoo:NAME`.
        out: the file, `*.onnx`.
        shots: simulated shots on a task before the export; what they taught is in the file.
        split: with `shots`: where the task is from.
        task: with `shots`: its id or the beginning of it (default: the first of the split).
        seed: with `shots`: of starts and exploration, as in `evaluate`.
        torchscript: also write `*.pt`.
        two_graphs: also write inference (`*.encoder.onnx`) and acting on z (`*.policy.onnx`).

    Raises:
        FastadaptError: the agent cannot be exported, there is no such task, or `out` is no `.onnx`.
    """
    path = checked_path(out)
    opened = open_run(run)
    shots = whole_number("shots", shots, 0)
    agent = exportable(opened)
    if two_graphs and not has_belief_graphs(agent):
        raise FastadaptError(
            f"Agent '{agent_name(agent)}' has no belief that could be inferred apart from acting; "
            "only pearl has. Leave out --two-graphs."
        )
    if shots:
        if split is None:
            raise FastadaptError("--shots needs --split: name the split that the task is from.")
        chosen = task_of(opened.task_set, split, task)
        learn_from_shots(agent, opened.task_set, chosen, shots, seed)
        about = f"{shots} simulated shots on task {chosen.id} of {split}"
    else:
        if split or task:
            raise FastadaptError("--split and --task are for --shots: how many shots on the task?")
        about = ""
    return write_agent(agent, opened, path, about, torchscript=torchscript, two_graphs=two_graphs)


def checked_path(out: str | Path) -> Path:
    """Return where to write.

    Raises:
        FastadaptError: it is no `.onnx`, its folder is missing, or a package is not installed.
    """
    path = Path(out)
    if path.suffix != ".onnx" or path.is_dir():
        raise FastadaptError(f"'{out}' is no ONNX file: give a name such as policy.onnx.")
    require("onnx", "yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def exportable(run: Run) -> Any:
    """Return the trained agent of a run, at the beginning of a trial.

    Raises:
        FastadaptError: it cannot be exported.
    """
    agent = run.agent()
    if not isinstance(agent, HasGraph):
        raise FastadaptError(
            f"Agent '{agent_name(agent)}' cannot be exported: its class has no method `graph()` "
            "that returns a fastadapt.agents.graph.Graph. Export an agent that fastadapt ships, or "
            "add the method."
        )
    agent.begin(1)  # pyright: ignore[reportAttributeAccessIssue]
    return agent


def has_belief_graphs(agent: Any) -> bool:
    """Return whether an agent's inference can be exported apart from its acting."""
    return isinstance(agent, HasBeliefGraphs)


def task_of(task_set: TaskSet, split: str, task: str | None) -> Task:
    """Return a task of a split by its id, or by the beginning of it.

    Raises:
        FastadaptError: there is none, or there are several.
    """
    tasks = task_set.tasks(split)
    if task is None:
        return tasks[0]
    found = [each for each in tasks if each.id.startswith(task)]
    if not found:
        raise unknown_name(f"task of '{split}' called", task, [each.id for each in tasks])
    if len({each.id for each in found}) > 1:
        raise FastadaptError(f"Several tasks of '{split}' begin with '{task}'. Give a longer id.")
    return found[0]


def learn_from_shots(
    agent: AdaptiveAgent, task_set: TaskSet, task: Task, shots: int, seed: int = 0
) -> tuple[float, float]:
    """Let an agent live through shots on a task, and leave it as it is after them.

    Returns:
        The returns of one measured episode before and after.
    """
    with single_threaded():
        envs = make_batch(task_set, LEAST, context=agent_context(agent))
        measured = run_trials(agent, envs, [task] * LEAST, (0, shots), 1, seed)
    first, last = (float(each.episodes.returns[0]) for each in measured)
    return first, last


def write_agent(
    agent: Any,
    run: Run,
    path: Path,
    about: str = "",
    *,
    torchscript: bool = False,
    two_graphs: bool = False,
) -> Exported:
    """Write an agent in the state that it is in.

    Args:
        agent: between two episodes; of its robots, the first counts.
        run: that it is from.
        path: of the ONNX file.
        about: what it was adapted on, if it was.
        torchscript: see `export`.
        two_graphs: see `export`.
    """
    graph: Graph = agent.graph()
    contract = contract_of(agent, graph, run, about)
    write_onnx(graph, contract.metadata(), path)
    files = [path, path.with_suffix(".yaml")]
    write_text(files[1], contract.yaml())
    if torchscript:
        files.append(path.with_suffix(".pt"))
        write_torchscript(graph, files[-1])
    if two_graphs:
        files += _write_two(agent, contract, path)
    return Exported(tuple(files), contract, tuple(_warnings(contract)))


def contract_of(agent: Any, graph: Graph, run: Run, about: str) -> Contract:
    """Return the contract of an agent's graph."""
    task_set = run.task_set
    environment = task_set.environment
    told = list(task_set.names) if agent_context(agent) == "visible" else []
    observation = [*map(_signal, environment.observations), *(_told(name) for name in told)]
    keeps = "memory" if graph.memories else "none"
    origin = f"{graph.samples:.0f} samples" if graph.samples else "none yet, they change nothing"
    blocks, sent = [block.name for block in graph.blocks], commands(task_set)
    return Contract(
        agent=agent_name(agent),
        trained=f"{run.origin()}, {run.iterations_done()} iterations",
        adapted=f"Adapted on {about}. {graph.adapts}" if about else graph.adapts,
        task_set=task_set.id,
        task_set_hash=task_set.hash,
        environment=environment.id(),
        control_step=environment.control_step(),
        horizon=environment.horizon,
        inputs=[
            InputBlock(b.name, b.size, BLOCKS[b.name], list(b.initial or [0.0] * b.size))
            for b in graph.blocks
        ],
        observation=observation,
        parameters=len(told),
        action=[_signal(channel) for channel in environment.actions()],
        commands=sent,
        memories=[
            MemoryState(m.name, list(m.initial.shape), [float(x) for x in m.initial.ravel()])
            for m in graph.memories
        ],
        needs_reward=graph.needs_reward,
        reset_rule=RESETS[keeps],
        normaliser=f"inside the graph, from training on {task_set.id}: {origin}",
        versions=versions(),
        controller=controller_keys(task_set, str(run.path), blocks, sent.scale),
    )


def _signal(channel: Any) -> Signal:
    low, high = (float(x) if np.isfinite(x) else None for x in (channel.low, channel.high))
    return Signal(channel.name, channel.unit, low, high)


def _told(name: str) -> Signal:
    return Signal(name, "scaled parameter of the task", None, None)


def _warnings(contract: Contract) -> list[str]:
    """Return what the controller has to provide that a robot may not have."""
    found: list[str] = []
    if contract.needs_reward:
        found.append(
            f"NEEDS THE REWARD: {contract.agent} adapts by the reward of each control step, and a "
            "robot has none. Compute it on the robot as the simulation does, or train with "
            "--no-reward-input."
        )
    if contract.parameters:
        found.append(
            f"NEEDS THE PARAMETERS OF THE TASK: {contract.agent} is told {contract.parameters} of "
            "them at the end of each observation. A robot that knows them needs no adaptation; "
            "export an agent that infers them."
        )
    pose = np.array(contract.controller["default_joint_pos"].split(","), float)
    away = np.abs(np.array(contract.commands.offset) - pose).max()
    servos = any(float(x) for x in contract.controller["joint_stiffness"].split(","))
    if servos and contract.commands.rule != OFFSET:
        found.append(
            f"Actions move the servos' targets: each command is {contract.commands.rule}, not "
            "default_joint_pos + action_scale * action."
        )
    elif servos and away > _NEAR:
        found.append(
            f"The servos' targets at action 0 are up to {away:.2f} away from default_joint_pos: "
            "they hold the pose against gravity. Send commands.offset + commands.scale * action."
        )
    return found


_NEAR = 0.005
"""Difference of positions that a servo does not notice [rad, m]."""


def _write_two(agent: HasBeliefGraphs, contract: Contract, path: Path) -> list[Path]:
    """Write inference and acting apart."""
    import torch

    graphs = agent.belief_graphs()
    encoder, policy = path.with_suffix(".encoder.onnx"), path.with_suffix(".policy.onnx")
    columns = ",".join(f"{name}:{size}" for name, size in graphs.columns)
    width = sum(size for _, size in graphs.columns)
    shared = {k: v for k, v in contract.metadata().items() if k != "observation_names"}
    save_onnx(
        graphs.belief,
        {"context": torch.zeros(2, width)},
        ("z", "z_std"),
        {"context": 0},
        {**shared, "fastadapt.columns": columns},
        encoder,
        free=("context",),
    )
    inputs = {
        "obs": torch.zeros(1, len(contract.observation)),
        "z": torch.zeros(1, graphs.latent),
    }
    save_onnx(
        graphs.policy,
        inputs,
        ("actions",),
        {"obs": 0, "z": 0, "actions": 0},
        {**shared, "observation_names": "observation"},
        policy,
    )
    return [encoder, policy]
