"""Time of an envelope on the quadruped: 9 x 7 values, 3 damages, 8 robots in each cell.

    python benchmarks/envelope.py [--shots 0] [--agent random]

The limit is two minutes on two cores that nothing else uses. The script prints wall time, processor
time and the load of the machine before and after, so that a shared machine is seen in the numbers.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from fastadapt.adaptation.envelope.grid import make_grid
from fastadapt.adaptation.envelope.measure import measure_on_grid
from fastadapt.adaptation.envelope.verdict import Findings
from fastadapt.adaptation.runs.open_run import open_run
from fastadapt.agents.external import RandomAgent
from fastadapt.envs import load_task_set

LIMIT = 120.0
OVER = ("payload.mass[trunk]=0:8:9", "ground_friction.scale=0.2:2:7")
DAMAGES = ("dead:FL_calf", "severed:RR_calf")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--agent", default="random", help="random, or a run directory")
    parser.add_argument("--shots", type=int, nargs="+", default=[0])
    parser.add_argument("--robots", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    task_set = load_task_set("quadruped-damage")
    agent: Any = RandomAgent(task_set) if args.agent == "random" else open_run(args.agent).agent()
    grid = make_grid(task_set, OVER, DAMAGES, args.robots)
    before = os.getloadavg()[0]
    wall, processor = time.perf_counter(), time.process_time()
    table = measure_on_grid(agent, grid, args.shots, "agent", num_threads=args.threads)
    Findings(grid, {("agent", False): table})
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(
        f"{grid.cells} cells x {args.robots} robots, shots {args.shots}: {wall:.0f} s wall "
        f"(limit {LIMIT:.0f}), {processor:.0f} s processor, {int(table['length'].sum())} measured "
        f"control steps, load {before:.1f} before and {os.getloadavg()[0]:.1f} after, "
        f"{os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
