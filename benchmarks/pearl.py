"""How long PEARL's gradient step takes, against what the machine's matrix products reach.

One run times, interleaved over rounds, the gradient step at the reference size (16 tasks x 256
transitions, context 64, networks 300 x 300 x 300, encoder 200 x 200 x 200, latent 5, observation
20, action 6: the sizes of Rakelly et al. 2019) and at the default size, and one large product of
square matrices. Replay sampling is timed apart. Public implementations take 313 ms at the
reference size on 2 threads of a comparable machine, 540 to 577 ms on one.

The step is plain torch with a fused optimiser. Against a hand-written backward pass it takes 0.9 to
1.0 times the processor time at the default size (one thread), 1.45 times at the reference size.

    python benchmarks/pearl.py --torch-threads 2
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
import torch
import tyro

from fastadapt.agents.pearl.config import PEARLConfig, SACConfig
from fastadapt.agents.pearl.update import PEARLNetworks, PEARLUpdate
from fastadapt.agents.rollout.task_replay import TaskReplay
from fastadapt.agents.rollout.transitions import TransitionScale
from fastadapt.envs.arrays import Array

GOAL = 0.75  # of the rate of the large product, at the reference size
PLANNED = 50_000  # gradient steps of a training
MINUTES = 30  # that they may take at the default size


@dataclass(frozen=True)
class Benchmark:
    """Time PEARL's gradient step."""

    torch_threads: int = 2
    """Threads of torch."""
    rounds: int = 15
    """How often everything is timed, in turn; the median is shown, with the extremes."""
    square: Annotated[int, tyro.conf.arg(help="Rows of the large matrices.")] = 2048


class Size(NamedTuple):
    """What is timed."""

    name: str
    config: PEARLConfig
    observations: int
    actions: int

    def products(self) -> float:
        """Return the floating-point operations of the matrix products that a gradient step needs.

        A layer costs 2 x rows x inputs x outputs forward, as much for the gradient of its weights,
        and as much for that of its inputs. Of a first layer's inputs only those count whose
        gradient is asked for: z, once for each task, in the critics' loss, and the action in the
        policy's. Nothing is counted for whatever is not a matrix product.
        """
        config, sac = self.config, self.config.sac
        z, width = config.latent, config.width
        rows, items = sac.tasks * sac.batch, sac.tasks * sac.context
        state = self.observations + z
        critic = _layers(state + self.actions, width, config.layers, 1)
        policy = _layers(state, width, config.layers, 2 * self.actions)
        context = 2 * self.observations + self.actions + 1
        encoder = _layers(context, config.encoder_width, config.encoder_layers, 2 * z)
        first_critic, first_policy = (state + self.actions) * width, state * width
        return 2.0 * (
            rows * policy  # the next action
            + rows * 2 * critic  # what it is worth
            + rows * 2 * (3 * critic - first_critic)  # critics
            + sac.tasks * 2 * z * width
            + rows * (3 * policy - first_policy)
            + rows * 2 * (2 * critic - first_critic + self.actions * width)  # judging its action
            + items * (3 * encoder - context * config.encoder_width)
        )


class Workload:
    """One size's networks, replay and data."""

    def __init__(self, size: Size) -> None:
        config, sac = size.config, size.config.sac
        self.size = size
        self._scale = TransitionScale(size.observations, size.actions)
        torch.manual_seed(0)
        networks = PEARLNetworks(size.observations, size.actions, self._scale.context_size, config)
        self._update = PEARLUpdate(networks, config, size.actions)
        self._generator = torch.Generator().manual_seed(0)
        self._rng = np.random.default_rng(0)
        self._replay = TaskReplay(100, config.replay, self._scale.row_size)
        everyone = np.arange(100)
        for _ in range(2000):
            rows = self._rng.normal(size=(100, self._scale.row_size)).astype(np.float32)
            rows[:, -1] = 0.0
            self._replay.add(everyone, rows)
        self._tasks = np.arange(sac.tasks)
        self.sample()

    def sample(self) -> None:
        """Draw what a gradient step learns from."""
        sac = self.size.config.sac
        tasks = self._rng.choice(100, sac.tasks, replace=False)
        self._batch = self._scale.batch(self._replay.sample(tasks, sac.batch, self._rng))
        self._context = self._scale.context(
            self._replay.sample_recent(tasks, sac.context, self._rng)
        )

    def step(self) -> None:
        """Take a gradient step."""
        self._update.step(self._batch, self._context, self._generator)


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that a call took: on the clock, and of all processors."""
    clock, processors = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - clock, time.process_time() - processors


def _layers(inputs: int, width: int, layers: int, outputs: int) -> int:
    """Return the weights of a perceptron."""
    return inputs * width + (layers - 1) * width * width + width * outputs


def sizes() -> list[Size]:
    """Return the reference size and the default one (on the cheetah)."""
    sac = SACConfig(tasks=16, batch=256, context=64)
    reference = PEARLConfig(
        latent=5, width=300, layers=3, encoder_width=200, encoder_layers=3, sac=sac
    )
    return [Size("reference", reference, 20, 6), Size("default", PEARLConfig(), 17, 6)]


def main() -> None:
    args = tyro.cli(Benchmark)
    torch.set_num_threads(args.torch_threads)
    square = torch.randn(args.square, args.square)
    workloads = [Workload(size) for size in sizes()]
    for workload in workloads:
        workload.step()
    names = [workload.size.name for workload in workloads]
    steps: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    product: list[tuple[float, float]] = []
    for _ in range(args.rounds):
        product.append(timed(lambda: torch.mm(square, square)))
        for workload in workloads:
            name = workload.size.name
            for _ in range(1 if name == "reference" else 8):
                samples[name].append(timed(workload.sample))
                steps[name].append(timed(workload.step))
    best = 2.0 * args.square**3 / np.median(product, axis=0) / 1e9
    print(f"{args.torch_threads} threads of torch {torch.__version__}; {args.rounds} rounds")
    print(f"{args.square} x {args.square} matrix product: {best[0]:.0f} GFLOP/s")
    for workload in workloads:
        name = workload.size.name
        report(workload.size, np.array(steps[name]), np.array(samples[name]), best)


def report(size: Size, steps: Array, samples: Array, best: Array) -> None:
    """Print how long a size's gradient step takes.

    Beside other work on the machine the processors' time is the fairer one; with several threads it
    includes their waiting for each other.
    """
    step, drawn = np.median(steps, axis=0), np.median(samples, axis=0)
    floating = size.products() / 1e9
    share = floating / step / best
    low, high = 1e3 * steps[:, 0].min(), 1e3 * steps[:, 0].max()
    print(
        f"{size.name}: {1e3 * step[0]:.1f} ms ({low:.1f} to {high:.1f}) for {floating:.2f} GFLOP: "
        f"{floating / step[0]:.0f} GFLOP/s, {share[0]:.2f} of the product (in processor time "
        f"{share[1]:.2f}); replay {drawn[0] / (drawn[0] + step[0]):.1%} of the time"
    )
    if size.name == "reference":
        print(f"  goal {GOAL}: {'met' if share[0] >= GOAL else 'not met'}")
        return
    minutes = PLANNED * (step + drawn) / 60
    verdict = "met" if minutes[0] < MINUTES else "not met"
    print(
        f"  {PLANNED:,} take {minutes[0]:.1f} minutes ({minutes[1]:.1f} of the processors); goal "
        f"{MINUTES}: {verdict}"
    )


if __name__ == "__main__":
    main()
