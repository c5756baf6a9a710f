"""Time of one control step of exported policies, against the agent in torch.

    python benchmarks/export.py [--task-set quadruped-damage]

Each policy runs as on a robot: one robot, one thread, the median of many calls.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from fastadapt.adaptation.deploy.write import write_onnx
from fastadapt.agents.registry import build_agent
from fastadapt.envs import load_task_set

AGENTS = ("rl2", "recurrent", "rma", "window", "pearl", "maml", "domain-randomised-sac")


def median(call: Callable[[], object], calls: int = 2000) -> float:
    """Return the median time of a call [us]."""
    times = np.empty(calls)
    for i in range(calls):
        started = time.perf_counter()
        call()
        times[i] = time.perf_counter() - started
    return float(np.median(times[calls // 10 :]) * 1e6)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task-set", default="quadruped-damage")
    task_set = load_task_set(parser.parse_args().task_set)
    torch.set_num_threads(1)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    rng = np.random.default_rng(0)
    print("| agent | onnxruntime [us] | torch [us] | file [kB] |\n| --- | ---: | ---: | ---: |")
    for name in AGENTS:
        agent = build_agent(name, task_set, 0, {})
        graph = agent.graph()  # pyright: ignore[reportAttributeAccessIssue]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "policy.onnx"
            write_onnx(graph, {}, path)
            size = path.stat().st_size / 1000
            session = onnxruntime.InferenceSession(str(path), options)
        feed = {"obs": rng.normal(size=(1, graph.inputs)).astype(np.float32)}
        feed |= {f"{m.name}_in": m.initial for m in graph.memories}
        agent.begin(1)
        seen = rng.normal(size=(1, len(task_set.environment.observations)))
        fast = median(lambda s=session, f=feed: s.run(None, f))
        slow = median(lambda a=agent, o=seen: a.act(o, False))
        print(f"| {name} | {fast:.0f} | {slow:.0f} | {size:.0f} |")


if __name__ == "__main__":
    main()
