"""A robot with an objective: observation, action, reward, termination, horizon."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids, Mask
from fastadapt.envs.model.joint_locks import add_locks
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.envs.success import Success


class Channel(NamedTuple):
    """One entry of an observation or of an action."""

    name: str
    unit: str
    low: float = -np.inf
    high: float = np.inf


class HiddenGoal(NamedTuple):
    """One number of a goal that the reward depends on and that is not observed."""

    name: str
    unit: str
    nominal: float


class Environment(ABC):
    """The objective of a robot, computed for N simulations at once.

    A subclass declares the class attributes, loads its MJCF in `spec` and implements the rest as
    numpy operations over the batch.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    summary: ClassVar[str]
    lockable: ClassVar[tuple[str, ...]]
    """Joints that can be locked."""
    physics_steps: ClassVar[int]
    """Physics steps in one control step."""
    horizon: ClassVar[int]
    """Control steps in one episode."""
    needs_forward: ClassVar[bool] = False
    """True if observation or reward use derived quantities (site positions, contacts)."""
    observations: ClassVar[tuple[Channel, ...]]
    reset_draws: ClassVar[int]
    """Number of uniform draws of a reset."""
    distance_name: ClassVar[str]
    """Description of `distance`, for reports."""
    travels: ClassVar[bool] = False
    """True if `distance` is a travelled distance, so that the cost of transport is defined."""
    feet: ClassVar[tuple[str, ...]] = ()
    """Geoms that touch the ground first, for the touch-down event."""
    camera: ClassVar[int | str] = 0
    """The camera for rendering, by number or name."""
    goals: ClassVar[tuple[HiddenGoal, ...]] = ()
    """Hidden goals, which tasks set."""
    success: ClassVar[Success | None] = None
    """When an episode is a success; None: it has no criterion, and `info` no `success`."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.goal = np.tile([goal.nominal for goal in self.goals], (sim.num_sims, 1))
        """Current goals, `(N, goals)`."""

    def controls(self, action: Array) -> Array:
        """Return the controls `(N, nu)` of commanded actions `(N, actions)`."""
        return action

    @staticmethod
    @abstractmethod
    def spec() -> mujoco.MjSpec:
        """Load the MJCF of the robot."""

    @abstractmethod
    def reset(self, ids: Ids, draws: Array) -> None:
        """Write the initial states of `ids` from uniform draws `(n, reset_draws)`."""

    @abstractmethod
    def observation(self) -> Array:
        """Return the observations, `(N, observations)`."""

    @abstractmethod
    def before_step(self) -> Array:
        """Return the quantities before a control step that the reward needs, `(N, ...)`."""

    def remember(self, ids: Ids, action: Array) -> None:  # noqa: B027
        """Store what later observations need of the actions `(N, actions)` of `ids`.

        Called after `before_step`; store it in the simulation's `userdata`, which resets clear and
        snapshots contain (default: nothing).
        """

    @abstractmethod
    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        """Return the reward of a control step, `(N,)`, and its terms and measures by name."""

    def terminated(self) -> Mask:
        """Return which robots have failed, `(N,)` (default: none)."""
        return np.zeros(self.sim.num_sims, bool)

    @abstractmethod
    def distance(self) -> Array:
        """Return `distance_name` in metres, `(N,)`."""

    @classmethod
    def id(cls) -> str:
        """Return the versioned id, e.g. `cheetah-v0`."""
        return f"{cls.name}-v{cls.version}"

    @classmethod
    def model(cls) -> mujoco.MjModel:
        """Return the compiled nominal model, made once; never write to it."""
        return _compiled(cls)

    @classmethod
    def complete_spec(cls) -> mujoco.MjSpec:
        """Return the robot with everything that perturbations and the objective need."""
        spec = cls.spec()
        for body in spec.bodies[1:]:
            body.simple = False  # else MuJoCo refuses a payload that is off the centre of mass
        add_locks(spec, cls.lockable)
        cls.prepare(spec)
        return spec

    @classmethod  # noqa: B027
    def prepare(cls, spec: mujoco.MjSpec) -> None:
        """Add to the robot what the objective needs (default: nothing)."""

    @classmethod
    def control_step(cls) -> float:
        """Return the duration of a control step in seconds."""
        return cls.model().opt.timestep * cls.physics_steps

    @classmethod
    def weight(cls) -> float:
        """Return the weight of the nominal robot in newtons."""
        model = cls.model()
        return float(model.body_mass.sum() * np.linalg.norm(model.opt.gravity))

    @classmethod
    def actions(cls) -> tuple[Channel, ...]:
        """Return the channels of the action, from the actuators of the model."""
        model = cls.model()
        return tuple(
            Channel(model.actuator(i).name, "N m / gear", *map(float, model.actuator_ctrlrange[i]))
            for i in range(model.nu)
        )


@functools.cache
def _compiled(environment: type[Environment]) -> mujoco.MjModel:
    return environment.complete_spec().compile()


class _FromModel:
    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self._compute = compute
        self._known: dict[type, Any] = {}

    def __get__(self, instance: object, owner: type) -> Any:
        if owner not in self._known:
            self._known[owner] = self._compute(owner)
        return self._known[owner]


def from_model(compute: Callable[[Any], Any]) -> Any:
    """Return a class attribute whose value is `compute(class)`, computed once for each class.

    It is computed on first access, because compiling a model takes a while.
    """
    return _FromModel(compute)
