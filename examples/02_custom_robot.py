"""Your own robot: an MJCF file and a task set in TOML; train a little, evaluate, report.

The budget is that of a demonstration. Raise `ITERATIONS` to some hundreds for a trained agent.
"""

from __future__ import annotations

from pathlib import Path

from fastadapt.adaptation import compare, evaluate_run, train

TASK_SET = Path(__file__).parent / "robots" / "two_legs.toml"
ITERATIONS = 2


def main(out: Path = Path("runs/two-legs")) -> None:
    """Train RL² and a memoryless baseline on the same tasks, and compare them in a report."""
    for agent in ("domain-randomised", "rl2"):
        run = out / agent
        train(agent, TASK_SET, run, seed=0, iterations=ITERATIONS, num_envs=16, width=32)
        result = evaluate_run(run, splits=["test_iid"], shots=(0, 1), episodes=1)
        print(result.markdown())
    compare([out / "domain-randomised", out / "rl2"], out / "report")
    print(f"Open {out / 'report' / 'index.html'}")


if __name__ == "__main__":
    main()
