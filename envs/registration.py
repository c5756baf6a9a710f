"""Every shipped task set as a Gymnasium id."""

from __future__ import annotations

import gymnasium as gym

from fastadapt.envs.task_set import _shipped


def register() -> None:
    """Register `fastadapt/<task-set>-v<version>` for every shipped task set (once).

    Gymnasium called this through the entry point `gymnasium.envs` until its version 1.0; since then
    `import fastadapt.envs` calls it, as does `gymnasium.make("fastadapt.envs:<id>")`.
    """
    import tomllib

    for name, file in _shipped().items():
        version = tomllib.loads(file.read_text(encoding="utf-8"))["version"]
        gym_id = f"fastadapt/{name}-v{version}"
        if gym_id not in gym.registry:
            gym.register(
                id=gym_id,
                entry_point="fastadapt.envs.gymnasium_env:GymnasiumEnv",
                kwargs={"task_set": name},
            )
