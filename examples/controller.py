"""A controller for a policy that `fastadapt export` wrote: numpy and onnxruntime, nothing else.

    python controller.py policy.onnx

Copy this file to the robot. Call `start_episode` after a fall or a reset, `new_robot` when the
robot is another one, or was repaired or changed; else call `act` once in every control step.
"""

import json
import sys
import time
from typing import Any

import numpy as np
import onnxruntime


class Controller:
    """Hands a policy its inputs, and its memories back from step to step."""

    def __init__(self, path: str) -> None:
        self.session: Any = onnxruntime.InferenceSession(path)
        metadata = self.session.get_modelmeta().custom_metadata_map
        self.contract = {
            key.removeprefix("fastadapt."): json.loads(value)
            for key, value in metadata.items()
            if key.startswith("fastadapt.")
        }
        self.outputs = [output.name for output in self.session.get_outputs()]
        self.new_robot()

    def new_robot(self) -> None:
        """Forget everything: another robot, or this one repaired or changed."""
        self.blocks = {b["name"]: np.array(b["initial"]) for b in self.contract["inputs"]}
        self.memories = {
            f"{m['name']}_in": np.array(m["initial"], np.float32).reshape(m["shape"])
            for m in self.contract["memories"]
        }
        self.start_episode()

    def start_episode(self) -> None:
        """Begin again from a start pose, after a fall; what was learned of the robot stays."""
        self.blocks["episode_start"] = np.ones(1)

    def act(
        self,
        observation: np.ndarray,
        reward: float | None = None,
        last_observation: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the actions for an observation.

        `reward` is that of the last control step, for policies with `needs_reward`.
        `last_observation` is what the sensors said at the end of the last control step: give it at
        the first step of an episode, where it is the one before the reset.
        """
        last = observation if last_observation is None else last_observation
        self.blocks |= {"observation": observation, "last_observation": last}
        if reward is not None:
            self.blocks["previous_reward"] = np.array([reward])
        parts = [self.blocks[block["name"]] for block in self.contract["inputs"]]
        obs = np.concatenate(parts).astype(np.float32)[None]
        values = self.session.run(None, {"obs": obs, **self.memories})
        found = dict(zip(self.outputs, values, strict=True))
        self.memories = {name: found[name.replace("_in", "_out")] for name in self.memories}
        self.blocks |= {"previous_action": found["actions"][0], "episode_start": np.zeros(1)}
        return found["actions"][0]


if __name__ == "__main__":
    controller = Controller(sys.argv[1])
    sensors = np.zeros(len(controller.contract["observation"]))
    started = time.perf_counter()
    for step in range(1000):
        if step % 200 == 0:
            controller.start_episode()
        controller.act(sensors, reward=0.0)
    print(f"{(time.perf_counter() - started) * 1e3:.0f} us for each call of the policy")
    print(controller.contract["reset_rule"])
