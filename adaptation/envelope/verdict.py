"""What an envelope says of each agent, in numbers and in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.envelope.border import (
    HALF,
    Border,
    Resampler,
    areas,
    as_success,
    border,
    borders,
    difference,
    exclude_zero,
    means,
    sides,
)
from fastadapt.adaptation.envelope.grid import Axis, Grid
from fastadapt.adaptation.statistics.bootstrap import Interval
from fastadapt.adaptation.text_table import Table, markdown_table, shots_name
from fastadapt.envs.arrays import Array

CONSTANT = "constant context"
"""Name of the row of an agent with its context held: itself without information."""


@dataclass(frozen=True)
class Surface:
    """Success of an agent after some shots, on the whole grid.

    Attributes:
        agent: its name.
        condition: `0 shots`, ..., or `constant context`.
        rates: shares of success of all robots and of each resample,
            `(1 + reps, damages, values, values)`.
    """

    agent: str
    condition: str
    rates: Array


class Findings:
    """Borders and areas of everything that was measured on one grid.

    Attributes:
        grid: of the envelope.
        surfaces: by agent and condition, in the order of the tables.
    """

    def __init__(
        self,
        grid: Grid,
        tables: Mapping[tuple[str, bool], NDArray[np.void]],
        fixed: frozenset[str] = frozenset(),
        told: frozenset[str] = frozenset(),
    ) -> None:
        """Resample the robots of every cell.

        Args:
            grid: of the envelope.
            tables: by agent, and whether its context was held constant; see `measure_on_grid`.
            fixed: agents that adapt in no way: neither by shots nor by a context or memory.
            told: those that observe the parameters, and so need not adapt.
        """
        self.grid = grid
        self.fixed, self.told = fixed, told
        self.resampler = Resampler(grid)
        self.surfaces: dict[str, list[Surface]] = {}
        for (agent, constant), table in tables.items():
            for shot in np.unique(table["shot"]).tolist():
                flags = as_success(table["success"][table["shot"] == shot], grid)
                condition = CONSTANT if constant else shots_name(shot)
                surface = Surface(agent, condition, self.resampler.rates(flags))
                self.surfaces.setdefault(agent, []).append(surface)

    def without(self, agent: str) -> Surface:
        """Return the best policy without adaptation that an agent is measured against.

        That is its constant context or the best of the policies that adapt in no way, whichever
        has the larger area; where there is neither, the agent after the fewest shots. A constant
        context that fails even where nothing is wrong is a broken policy and no measure.
        """
        own = self.surfaces[agent]
        held = [s for s in own if s.condition == CONSTANT and not self.broken(agent)]
        fixed = [self.surfaces[name][0] for name in self.surfaces if name in self.fixed]
        if agent in self.fixed | self.told:
            return own[0]
        return max([*held, *fixed], key=lambda s: self.area(s)[0], default=own[0])

    def broken(self, agent: str) -> bool:
        """Return whether a constant context fails nearest to nominal where the agent succeeds."""
        at = (0, 0, *[axis.start for axis in self.grid.axes], *[0] * (2 - len(self.grid.axes)))
        rates = {surface.condition: surface.rates[at] for surface in self.surfaces[agent]}
        held = rates.pop(CONSTANT, 1.0)
        return bool(held < HALF <= max(rates.values()))

    def adapted(self, agent: str) -> Surface | None:
        """Return an agent after its most shots; None where no shot changes it."""
        own = [s for s in self.surfaces[agent] if s.condition != CONSTANT]
        return own[-1] if own[-1] is not self.without(agent) else None

    def area(self, surface: Surface, damage: int | None = None) -> Array:
        """Return the area inside of all robots and of each resample, `(1 + reps,)`.

        Args:
            surface: of the agent.
            damage: number of the damage; None for the mean over all of them.
        """
        found = areas(self.grid, surface.rates)
        return found.mean(axis=1) if damage is None else found[:, damage]

    def gain(self, agent: str, damage: int | None = None) -> Interval | None:
        """Return the area with adaptation minus the area without; None without adaptation."""
        after = self.adapted(agent)
        if after is None:
            return None
        before = self.without(agent)
        return difference(self.resampler, self.area(after, damage), self.area(before, damage))

    def border(self, surface: Surface, axis: int, side: int, damage: int = 0) -> Border:
        """Return the border of a surface along an axis."""
        return border(self.resampler, surface.rates, axis, side, damage)

    def shift(self, agent: str, axis: int, side: int, damage: int = 0) -> Interval | None:
        """Return how far adaptation moves the border outwards; None without adaptation."""
        after = self.adapted(agent)
        if after is None:
            return None
        found = [borders(self.grid, s.rates, axis, side, damage).at
                 for s in (after, self.without(agent))]  # fmt: skip
        return difference(self.resampler, side * found[0], side * found[1])

    def verdict(self) -> str:
        """Return what came out for each agent, in a few sentences."""
        own = [sentence for agent in self.surfaces for sentence in self._of(agent)]
        if not self.fixed and any(self.adapted(agent) is not None for agent in self.surfaces):
            own.append(
                "No policy that was trained without adaptation stands beside: one may do as well, "
                "so give it as another RUN before this is called a gain."
            )
        return " ".join(own)

    def _of(self, agent: str) -> list[str]:
        after, before = self.adapted(agent), self.without(agent)
        share = self.resampler.interval
        broken = ""
        if self.broken(agent):
            broken = (
                " With a constant context it fails even where nothing is wrong, so that is no "
                "measure of what adaptation adds."
            )
        if after is None:
            return [f"{agent}: it succeeds on {share(self.area(before))} of the grid.{broken}"]
        gain = self.gain(agent)
        assert gain is not None
        area = (
            f"it succeeds on {share(self.area(after))} of the grid, the best policy without "
            f"adaptation ({self._name(before, agent)}) on {share(self.area(before))}, difference "
            f"{gain}."
        )
        axis = self.grid.axes[0]
        moves = [self._move(agent, 0, side) for side in sides(axis)[:1]]
        verb = {1: "Adaptation widens", -1: "Adaptation narrows", 0: "Adaptation does not change"}
        ending = " measurably" if exclude_zero(gain) == 0 else ""
        return [
            *(f"{agent}: {move}." for move in moves),
            f"{verb[exclude_zero(gain)]} the envelope of {agent}{ending}: after "
            f"{after.condition} {area}{broken}",
        ]

    @staticmethod
    def _name(surface: Surface, agent: str) -> str:
        """Return the name of what an agent is measured against."""
        return surface.condition if surface.agent == agent else surface.agent

    def _move(self, agent: str, axis: int, side: int) -> str:
        """Return what adaptation does to the border along an axis, without damage."""
        after = self.adapted(agent)
        assert after is not None
        old, new = (self.border(s, axis, side) for s in (self.without(agent), after))
        shift = self.shift(agent, axis, side)
        assert shift is not None
        along = self.grid.axes[axis]
        unit = "" if along.unit == "-" else {"x": "× nominal"}.get(along.unit, along.unit)
        which = "largest" if side > 0 else "smallest"
        what = f"the {which} {along.name} at which it still succeeds"
        if old.none and new.none:
            return f"it succeeds on no {along.name} of the grid, adapted or not"
        if old.open and new.open:
            end = f"{new.value.point:g} {unit}".rstrip()
            return f"it succeeds up to the end of the grid ({along.name} {end}), adapted or not"
        way = exclude_zero(shift)
        if way == 0:
            return f"adaptation does not move {what} measurably ({old} to {new} {unit})".rstrip()
        verb = "extends" if way > 0 else "lowers"
        return f"adaptation {verb} {what} from {old} to {new} {unit}".rstrip()

    def tables(self) -> list[Table]:
        """Return the tables of areas and of borders."""
        head = ["", "agent", *self.grid.damages, "all", "mean success"]
        rows: list[list[str]] = []
        for agent, own in self.surfaces.items():
            for surface in own:
                numbers = [self.area(surface, d) for d in range(len(self.grid.damages))]
                numbers += [self.area(surface), means(self.grid, surface.rates).mean(axis=1)]
                cells = [str(self.resampler.interval(number)) for number in numbers]
                rows.append([f"{agent}, {surface.condition}", agent, *cells])
            gains = [self.gain(agent, d) for d in (*range(len(self.grid.damages)), None)]
            if gains[0] is not None:
                cells = [*(str(gain) for gain in gains), "-"]
                rows.append([f"{agent}, gained by adaptation", agent, *cells])
        areas_table = Table(
            "Area inside",
            "Share of the grid where at least half of the robots succeed, with its 95 % interval "
            "over the robots of every cell; the mean over all damage, and the mean success.",
            [head[0], *head[2:]],
            [[row[0], *row[2:]] for row in rows],
        )
        return [areas_table, *(self._border_table(axis) for axis in range(len(self.grid.axes)))]

    def _border_table(self, axis: int) -> Table:
        along = self.grid.axes[axis]
        rows: list[list[str]] = []
        for agent, own in self.surfaces.items():
            for surface in own:
                for d, damage in enumerate(self.grid.damages):
                    cells = [str(self.border(surface, axis, side, d)) for side in sides(along)]
                    rows.append([f"{agent}, {surface.condition}", damage, *cells])
        ends = {1: "upper border", -1: "lower border"}
        other = _others(self.grid, axis)
        return Table(
            f"Border along {along}",
            "Where success falls under a half, going out from the nominal value "
            f"({along.nominal:g}), with its 95 % interval, which reaches from a value of the grid "
            f"inside to one outside{other}.",
            ["", "damage", *(ends[side] for side in sides(along))],
            rows,
        )

    def markdown(self) -> str:
        """Return verdict and tables as Markdown."""
        tables = (f"### {t.title}\n\n{markdown_table(t.head, t.rows)}" for t in self.tables())
        return "\n\n".join([self.verdict(), *tables])


def _others(grid: Grid, axis: int) -> str:
    """Return over which values of the other axis success is averaged for a border."""
    if len(grid.axes) < 2:
        return ""
    other: Axis = grid.axes[1 - axis]
    values = [other.values[i] for i in other.inside]
    span = f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g}"
    return f"; mean over {other.name} of {span}"
