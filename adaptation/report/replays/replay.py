"""Robots side by side in one self-contained HTML page: orbit, pause, rewind, no server."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.report.replays.drawn_marks import Tint, add_arrow, add_balls, ground_tint
from fastadapt.adaptation.report.replays.meshes import mesh_of
from fastadapt.adaptation.runs.files import write_text
from fastadapt.envs.arrays import Array
from fastadapt.envs.environment import Environment
from fastadapt.envs.model.marks import Mark
from fastadapt.errors import FastadaptError

if TYPE_CHECKING:
    import mujoco
    import viser


_LAG = 4.0  # metres: how far behind the leader a robot is ever shown
_SMOOTH = 0.5  # seconds: what follows a robot does not follow its every stride
_STEP = 2.0**-12  # poses are rounded to 0.24 mm (and 0.014 degrees): half the file
_SCHEME = "darkMode:false", "darkMode:matchMedia('(prefers-color-scheme: dark)').matches"
"""A replay is as dark as the page around it."""
_NO_POPUPS = "<style>.mantine-Notifications-root { display: none }</style>"
"""A warning of software rendering would cover half of a small replay."""
_TILES, _MARK = ((205, 210, 216), (232, 235, 238)), (90, 100, 115)
_TRANSLUCENT = 0.5  # opacity
_LISTED = 4  # changes written into a label
_FIELD, _RAISED = 0.5, 0.55  # of the camera: vertical field of view, angle above the ground [rad]


@dataclass(frozen=True)
class Lane:
    """The poses of one robot.

    Attributes:
        label: written above it.
        qpos: `(T, nq)`, one pose per frame.
        mocap: positions of mocap bodies `(T, nmocap, 3)` [m], or None for those of the model.
        damaged_bodies: ids of bodies drawn red: in the picture only, no agent sees it.
        model: the robot as its task leaves it, None for the nominal one; what is severed is not
            drawn, what is shortened is drawn so.
        marks: what is drawn beside the robot: a payload, slippery ground, a push.
        changes: what is changed, in words, written above the label.
    """

    label: str
    qpos: Array
    mocap: Array | None = None
    damaged_bodies: tuple[int, ...] = ()
    model: mujoco.MjModel | None = None
    marks: tuple[Mark, ...] = ()
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Motion:
    """Poses of all bodies of a lane: positions `(T, nbody, 3)` [m], quaternions `(T, nbody, 4)`."""

    positions: Array
    quaternions: Array
    progress: Array
    """Smoothed position along x of the body that carries the rest, `(T,)` [m]."""


def write_replay(
    path: str | Path, environment: type[Environment], lanes: Sequence[Lane], dt: float
) -> Path:
    """Write robots side by side as one HTML page that plays without a server or a network.

    A robot that runs is followed: each has a lane of its own whose floor passes beneath it at its
    own speed, with a mark every metre. The leader stays in the middle; the others fall behind by
    the true gap while it is small, and by no more than 4 m, so that all stay in view. Labels tell
    the true distance. Shorter lanes hold their last pose.

    Args:
        path: of the page.
        environment: whose robot.
        lanes: one per robot.
        dt: time between frames [s].

    Returns:
        The path.

    Raises:
        FastadaptError: no lanes or frames, or poses that are not of this robot.
    """
    path = Path(path)
    if not lanes or dt <= 0:
        raise FastadaptError(
            f"A replay needs at least one lane and dt > 0, not {len(lanes)}, {dt}."
        )
    model = environment.model()
    frames = max(len(lane.qpos) for lane in lanes)
    motions = [_motion(lane.model or model, lane, frames, dt) for lane in lanes]
    server = _quiet_server()
    try:
        scene = _Scene(server, model, lanes, motions)
        serializer = server.get_scene_serializer()
        for frame in range(frames):
            scene.show(frame)
            serializer.insert_sleep(dt)
        page = serializer.as_html()
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            server.stop()
    head = f"<title>Replay of {environment.name}</title>{_NO_POPUPS}"
    page = page.replace("<title>Viser</title>", head, 1).replace(*_SCHEME, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page)
    return path


def _quiet_server() -> viser.ViserServer:
    """Start viser on a free port of this machine only, without its banner."""
    import viser

    with contextlib.redirect_stdout(io.StringIO()):
        return viser.ViserServer(host="127.0.0.1", port=0, verbose=False)


def _motion(model: mujoco.MjModel, lane: Lane, frames: int, dt: float) -> _Motion:
    import mujoco

    qpos = np.asarray(lane.qpos, float)
    if qpos.ndim != 2 or len(qpos) == 0 or qpos.shape[1] != model.nq or not np.isfinite(qpos).all():
        raise FastadaptError(
            f"The poses of '{lane.label}' have shape {qpos.shape}; they must be finite, at least "
            f"one, and of shape (T, {model.nq})."
        )
    shape = (len(qpos), model.nmocap, 3)
    if lane.mocap is not None and np.shape(lane.mocap) != shape:
        raise FastadaptError(
            f"The mocap positions of '{lane.label}' have shape {np.shape(lane.mocap)}, not {shape}."
        )
    data = mujoco.MjData(model)
    positions, quaternions = np.empty((frames, model.nbody, 3)), np.empty((frames, model.nbody, 4))
    for frame in range(frames):
        pose = min(frame, len(qpos) - 1)
        data.qpos[:] = qpos[pose]
        if lane.mocap is not None:
            data.mocap_pos[:] = lane.mocap[pose]
        mujoco.mj_kinematics(model, data)
        positions[frame], quaternions[frame] = data.xpos, data.xquat
    x = positions[:, _carrier(model), 0]
    half = max(1, round(_SMOOTH / dt / 2))
    padded = np.pad(x, half, mode="reflect", reflect_type="odd") if frames > half else x
    kernel = np.ones(len(padded) - frames + 1)
    progress = np.convolve(padded, kernel / kernel.sum(), "valid").astype(float)
    return _Motion(positions, quaternions, progress)


def _carrier(model: mujoco.MjModel) -> int:
    """Return the first body that joints move: the one that carries the rest."""
    moved = np.flatnonzero(model.body_dofnum > 0)
    return int(moved[0]) if len(moved) else 0


def _runs(model: mujoco.MjModel) -> bool:
    """Return whether the robot can leave its place: its first joint slides or is free."""
    import mujoco

    first = int(model.body_jntadr[_carrier(model)])
    sliding = (mujoco.mjtJoint.mjJNT_FREE, mujoco.mjtJoint.mjJNT_SLIDE)
    return first >= 0 and mujoco.mjtJoint(int(model.jnt_type[first])) in sliding


def shown_lags(progress: Array) -> Array:
    """Return how far behind the leader each robot is shown.

    Args:
        progress: positions `(lanes, T)` [m].

    Returns:
        Gaps `(lanes, T)` [m], 0 for the leader: true while small, below 4 m however large.
    """
    gap = progress.max(axis=0) - progress
    return _LAG * (1 - np.exp(-gap / _LAG))


class _Scene:
    """The lanes in viser: floors, bodies and labels, and where they are in each frame."""

    def __init__(
        self,
        server: viser.ViserServer,
        model: mujoco.MjModel,
        lanes: Sequence[Lane],
        motions: Sequence[_Motion],
    ) -> None:
        self._scene = server.scene
        self._labels = [lane.label for lane in lanes]
        self._changes = [_listed(lane.changes) for lane in lanes]
        self._motions = motions
        self._runs = _runs(model)
        self._place(model)
        self._scene.configure_environment_map(None)
        self._scene.add_light_ambient("/ambient", intensity=1.2)
        self._scene.add_light_hemisphere("/hemisphere", intensity=1.0)
        self._frames = [self._scene.add_frame(f"/lane{i}", False) for i in range(len(lanes))]
        self._bodies = [
            _add_robot(self._scene, f"/lane{i}", lane.model or model, lane)
            for i, lane in enumerate(lanes)
        ]
        for i, lane in enumerate(lanes):
            add_balls(self._scene, f"/lane{i}", lane.marks, self._bodies[i])
        self._arrows = [
            (i, mark.body or _carrier(model), add_arrow(self._scene, f"/lane{i}/arrow{k}", mark))
            for i, lane in enumerate(lanes)
            for k, mark in enumerate(lane.marks)
            if mark.shape == "arrow"
        ]
        self._texts = [
            self._scene.add_label(f"/label{i}", label + changes, anchor="bottom-center")
            for i, (label, changes) in enumerate(zip(self._labels, self._changes, strict=True))
        ]
        self._add_floors(model, [ground_tint(lane.marks) for lane in lanes])
        self._aim(server)

    def _place(self, model: mujoco.MjModel) -> None:
        """Choose where lanes are: behind each other for robots that run, else in a row."""
        solid = model.geom_rbound > 0  # a plane has none
        bodies = np.unique(model.geom_bodyid[solid])
        margin = float(model.geom_rbound[solid].mean())
        positions = np.stack([motion.positions[:, bodies] for motion in self._motions])
        progress = np.stack([motion.progress for motion in self._motions])
        if self._runs:
            positions[..., 0] -= progress[..., None]
        self._low = positions.min(axis=(0, 1, 2)) - margin
        self._high = positions.max(axis=(0, 1, 2)) + margin
        size = self._high - self._low
        apart = max(1.2 * size[1], 1.3 * size[2] / np.tan(_RAISED))  # none hides the one behind
        self._spacing = float(apart if self._runs else 1.05 * size[0])
        lanes = np.arange(len(self._motions)) - (len(self._motions) - 1) / 2
        # Labels of robots in a row would run into each other: each is higher than the next.
        self._steps = (0.0 if self._runs else 0.12 * size[2]) * np.arange(len(lanes))[::-1]
        along = np.array([0.0, -1.0, 0.0]) if self._runs else np.array([1.0, 0.0, 0.0])
        self._places = self._spacing * lanes[:, None, None] * along  # (lanes, 1 or T, 3)
        if self._runs:
            lags = shown_lags(progress)[..., None] * np.array([1.0, 0.0, 0.0])
            self._places = self._places - lags

    def show(self, frame: int) -> None:
        """Move everything to where it is in a frame."""
        for i, motion in enumerate(self._motions):
            place = self._places[i, frame % self._places.shape[1]]
            travelled = np.array([motion.progress[frame] * self._runs, 0.0, 0.0])
            self._frames[i].position = _rounded(place - travelled)
            height = self._high[2] + self._steps[i]
            self._texts[i].position = _rounded(place + np.array([0.0, 0.0, height]))
            if self._runs:
                metres = motion.progress[frame] - motion.progress[0]
                self._texts[i].text = f"{self._labels[i]}, {metres:.1f} m{self._changes[i]}"
            for body, handle in self._bodies[i].items():
                handle.position = _rounded(motion.positions[frame, body])
                handle.wxyz = _rounded(motion.quaternions[frame, body])
        for i, body, handle in self._arrows:
            handle.position = _rounded(self._motions[i].positions[frame, body])

    def _add_floors(self, model: mujoco.MjModel, tints: Sequence[Tint]) -> None:
        import mujoco

        planes = np.flatnonzero(model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE))
        for i, motion in enumerate(self._motions if len(planes) else ()):
            z, half = float(model.geom_pos[planes[0], 2]), 0.47 * self._spacing
            starts = np.arange(int(motion.progress.min()) - 12, int(motion.progress.max()) + 12)
            for shade, colour in enumerate(_TILES):
                tiles = starts[starts % 2 == shade]
                name, seen = f"/lane{i}/tiles{shade}", tints[i](colour)
                _add_tiles(self._scene, name, tiles, (1.0, half, z), seen)
            marks = starts[starts % 5 == 0] - 0.04
            _add_tiles(self._scene, f"/lane{i}/marks", marks, (0.08, half, z + 0.003), _MARK)

    def _aim(self, server: viser.ViserServer) -> None:
        """Look at all lanes from the side; from above too where they lie behind each other."""
        raised = _RAISED if self._runs else 0.0
        low = self._places.min(axis=(0, 1)) + self._low
        high = self._places.max(axis=(0, 1)) + self._high + [0.0, 0.0, self._steps.max()]
        size = high - low
        tall = size[2] * np.cos(raised) + size[1] * np.sin(raised)
        distance = 1.1 * max(tall, size[0] / 1.6) / (2 * np.tan(_FIELD / 2)) + size[1] / 2
        middle = (low + high) / 2
        camera = server.initial_camera
        camera.fov = _FIELD
        camera.look_at = middle
        camera.position = middle + distance * np.array([0.0, -np.cos(raised), np.sin(raised)])


def _add_robot(
    scene: viser.SceneApi, root: str, model: mujoco.MjModel, lane: Lane
) -> dict[int, viser.FrameHandle]:
    """Add the visible geoms of a robot and return the frames of its bodies by id.

    A body that carries a ball is translucent: the ball may lie inside.
    """
    import mujoco

    from fastadapt.envs.rendering import DAMAGED, visible

    seen = visible(model)
    loaded = {mark.body for mark in lane.marks if mark.shape == "ball"}
    frames: dict[int, viser.FrameHandle] = {}
    for geom in range(model.ngeom):
        body = int(model.geom_bodyid[geom])
        mesh = mesh_of(model, geom)
        hidden = model.geom_group[geom] > 2 or not seen[geom]  # 3 on: collision shapes, by custom
        if mesh is None or hidden:
            continue
        if body not in frames:
            frames[body] = scene.add_frame(f"{root}/body{body}", False)
        own, material = model.geom_rgba[geom], int(model.geom_matid[geom])
        plain = np.allclose(own, (0.5, 0.5, 0.5, 1.0))  # MuJoCo: then the material counts
        colour = model.mat_rgba[material] if material >= 0 and plain else own
        damaged = body in lane.damaged_bodies
        red, green, blue, alpha = DAMAGED if damaged else map(float, colour)
        alpha = min(alpha, _TRANSLUCENT) if body in loaded else alpha
        scene.add_mesh_simple(
            f"{root}/body{body}/geom{geom}",
            *mesh,
            color=(round(255 * red), round(255 * green), round(255 * blue)),
            opacity=alpha if alpha < 1 else None,
            position=_rounded(model.geom_pos[geom]),
            wxyz=_rounded(model.geom_quat[geom]),
            flat_shading=int(model.geom_type[geom]) == int(mujoco.mjtGeom.mjGEOM_BOX),
        )
    return frames


def _add_tiles(
    scene: viser.SceneApi,
    name: str,
    starts: NDArray[Any],
    shape: tuple[float, float, float],
    colour: tuple[int, int, int],
) -> None:
    """Add floor tiles that begin at `starts` along x; `shape` is length, half width, height [m]."""
    length, half, z = shape
    corners = np.array([[0, -half, z], [length, -half, z], [length, half, z], [0, half, z]])
    vertices = corners + np.asarray(starts, float)[:, None, None] * [1.0, 0.0, 0.0]
    faces = np.array([0, 1, 2, 0, 2, 3]) + 4 * np.arange(len(starts))[:, None]
    scene.add_mesh_simple(
        name, vertices.reshape(-1, 3), faces.reshape(-1, 3).astype(np.uint32), color=colour,
        side="double", cast_shadow=False,
    )  # fmt: skip


def _listed(changes: Sequence[str]) -> str:
    """Return the changes of a lane as the end of its label: the first few of them."""
    more = len(changes) - _LISTED
    shown = [*changes[:_LISTED], *([f"{more} more"] if more > 0 else [])]
    return "".join(f" | {change}" for change in shown)


def _rounded(values: Array) -> Array:
    return np.round(np.asarray(values, float) / _STEP) * _STEP
