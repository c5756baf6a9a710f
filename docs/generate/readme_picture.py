"""The moving picture of the README: one damaged robot, an agent without and with adaptation.

`python docs/generate/readme_picture.py RUN --out docs/images/recovery.webp`
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from PIL import Image, ImageDraw, ImageFont

from fastadapt.adaptation.evaluation.controls import controlled
from fastadapt.adaptation.report.replays.recording import damaged_bodies, record_lanes
from fastadapt.adaptation.runs.run import load_run
from fastadapt.envs import FastadaptError
from fastadapt.envs.rendering import DAMAGED, PoseRenderer


@dataclass(frozen=True)
class Picture:
    """Render one frozen task: above without adaptation, below the adaptive agent."""

    run: tyro.conf.Positional[Path]
    """Run directory of an adaptive agent."""
    baseline: Path | None = None
    """Run directory of a policy without adaptation on the same task set (default: the agent itself
    with a constant context)."""
    out: Path = Path("recovery.webp")
    """Animated WebP to write."""
    split: str = "test_held_out_damage"
    """Split of the task."""
    task: int = 0
    """Number of the task in the split."""
    shots: int = 1
    """Adaptation episodes before the one that is shown."""
    words: tuple[str, str] = ("without adaptation", "after one shot")
    """Captions of both halves."""
    every: int = 2
    """Control steps in a frame."""
    size: tuple[int, int] = (480, 240)
    """Width and height of each half [pixels]."""
    cut: float = 0.875
    """Share of the cropped rows that is cut from the top: feet matter more than sky."""


def make_picture(args: Picture) -> list[float]:
    """Write the picture; return the returns of both halves."""
    task_set = load_run(args.run).task_set
    tasks = task_set.tasks(args.split)
    if not 0 <= args.task < len(tasks):
        raise FastadaptError(f"'{args.split}' has tasks 0 to {len(tasks) - 1}, not {args.task}.")
    task = tasks[args.task]
    halves: list[list[Image.Image]] = []
    returns: list[float] = []
    colours = dict.fromkeys(damaged_bodies(task_set, task), DAMAGED)
    above = (
        controlled(load_run(args.run), "constant-context")
        if args.baseline is None
        else load_run(args.baseline).agent()
    )
    for agent, words in zip((above, load_run(args.run).agent()), args.words, strict=True):
        lanes, values = record_lanes(agent, task_set, task, args.shots)
        returns.append(values[-1])
        halves.append(_frames(task_set.environment, lanes[-1], colours, words, args))
    frames = [_stacked(pair) for pair in zip(*halves, strict=True)]
    step = task_set.environment.control_step()
    frames[0].save(
        args.out,
        save_all=True,
        append_images=frames[1:],
        duration=round(1000 * step * args.every),
        loop=0,
        quality=60,
        method=6,
    )
    return returns


def _frames(
    environment: Any, lane: Any, colours: Any, words: str, args: Picture
) -> list[Image.Image]:
    renderer = PoseRenderer(environment, colours, lane.model)
    font = ImageFont.load_default(16)
    frames: list[Image.Image] = []
    for t in range(0, len(lane.qpos), args.every):
        mocap = None if lane.mocap is None else lane.mocap[t]
        image = Image.fromarray(renderer.picture(lane.qpos[t], mocap))
        width, height = args.size
        rows = round(image.width * height / width)
        top = round((image.height - rows) * args.cut)
        image = image.crop((0, top, image.width, top + rows)).resize(args.size)
        text = words
        if environment.name == "cheetah":
            text = f"{words}: {lane.qpos[t][0]:.1f} m after {t * environment.control_step():.1f} s"
        ImageDraw.Draw(image).text(
            (10, 8), text, font=font, fill="white", stroke_width=2, stroke_fill="black"
        )
        frames.append(image)
    renderer.close()
    return frames


def _stacked(pair: tuple[Image.Image, ...]) -> Image.Image:
    return Image.fromarray(np.concatenate([np.asarray(image) for image in pair]))


if __name__ == "__main__":
    print(make_picture(tyro.cli(Picture)))
