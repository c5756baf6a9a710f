"""The estimate: nonlinear least squares over segments, the residuals whitened.

Rounds alternate between the task (`scipy.optimize.least_squares`, derivatives by finite differences
as a batch of candidates), the noise of each signal, and the choice of a discrete cause and a delay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import qmc

from fastadapt.adaptation.logs.candidates import ROBUST, Candidates, Structure, robust_cost
from fastadapt.adaptation.logs.reading.tables import INSTALL
from fastadapt.adaptation.logs.unknowns import Unknown
from fastadapt.envs.arrays import Array
from fastadapt.errors import FastadaptError

PRIOR = 3.0
"""Standard deviation of the weak prior around the middle of a declared range, in half ranges."""
_STARTS = 15
"""Spread tasks that are compared with the nominal one for a start."""


@dataclass(frozen=True)
class Estimate:
    """The answer for one structure.

    Attributes:
        structure: of the task.
        unknowns: what is estimated, those of the alternative last.
        z: their coordinates.
        jacobian: `(S, M, unknowns)` derivatives of the predictions, whitened and weighted.
        residuals: `(S, M)` sample minus prediction, whitened and weighted.
        noise: `(signals,)` standard deviations.
        cost: robust loss, prior included.
    """

    structure: Structure
    unknowns: tuple[Unknown, ...]
    z: Array
    jacobian: Array
    residuals: Array
    noise: Array
    cost: float


class Solver:
    """Answers a question by comparing candidates."""

    def __init__(self, candidates: Candidates, seed: int = 0) -> None:
        self._candidates, self._question = candidates, candidates.question
        self._seed = seed

    def solve(self, rounds: int = 4, method: str = "least-squares") -> Estimate:
        """Return the best estimate over all structures.

        Args:
            rounds: most alternations between task, initial states and noise.
            method: `least-squares`, or `cma` for a search by an evolution strategy before it.
        """
        structure = Structure(delay=0)
        unknowns = self._question.unknowns
        z = np.array([float(u.coordinate(u.nominal)) for u in unknowns])
        z = self._inside(unknowns, np.nan_to_num(z, posinf=0.0, neginf=0.0))
        self._candidates.linearise(unknowns, z, structure)
        structure, z = self._begin(unknowns, z)
        structure, z = self._screen(structure, unknowns, z)
        for number in range(rounds):
            unknowns = self._unknowns(structure)
            if number == 0 and method == "cma":
                z = self._evolve(unknowns, z, structure)
            estimate = self.refine(structure, unknowns, z, most=12 if number else 20)
            z = estimate.z
            self._candidates.update(unknowns, z, structure)
            self._candidates.linearise(unknowns, z, structure)
            self._candidates.trim(unknowns, z, structure)
            found, start = self._screen(structure, unknowns, z)
            settled = found == structure
            structure, z = found, start
            if settled and number and self._steady(estimate):
                break
        unknowns = self._unknowns(structure)
        return self.refine(structure, unknowns, z, most=8)

    def rivals(self, best: Estimate, most: int = 3) -> list[Estimate]:
        """Return estimates of the likeliest other structures, for their weights."""
        near = [Structure(best.structure.alternative, d) for d in self._question.delays
                if abs(d - best.structure.delay) == 1]  # fmt: skip
        ranked = self._ranked(best.structure, best.unknowns, best.z)
        others = [s for _, s, _ in ranked if s.alternative != best.structure.alternative]
        found = []
        for structure in [*near, *dict.fromkeys(others)][: len(near) + most]:
            unknowns = self._unknowns(structure)
            z = self._carried(best.unknowns, best.z, unknowns)
            starts = [start for _, s, start in ranked if s == structure]
            found.append(self.refine(structure, unknowns, starts[0] if starts else z, most=5))
        return found

    def refine(
        self, structure: Structure, unknowns: tuple[Unknown, ...], z: Array, most: int
    ) -> Estimate:
        """Return the least-squares estimate from a start, at the present whitening."""
        z = self._inside(unknowns, z)
        size = len(unknowns)
        if size:
            limits = np.array([unknown.limits() for unknown in unknowns]).T
            known: dict[bytes, tuple[Array, Array]] = {}

            def both(x: Array) -> tuple[Array, Array]:
                key = x.tobytes()
                if key not in known:
                    known.clear()
                    known[key] = self._candidates.derive(structure, unknowns, x)
                return known[key]

            def residuals(x: Array) -> Array:
                found = both(x)[0] if x.tobytes() in known else self._candidates.residuals(
                    structure, unknowns, x[None])[0]  # fmt: skip
                return np.concatenate([found.ravel(), x / PRIOR])

            def slopes(x: Array) -> Array:
                jacobian = both(x)[1].reshape(-1, size)
                return np.concatenate([-jacobian, np.eye(size) / PRIOR])

            z = least_squares(
                residuals,
                z,
                jac=slopes,  # pyright: ignore[reportArgumentType]
                bounds=(limits[0], limits[1]),
                xtol=1e-5,
                ftol=1e-5,
                max_nfev=most,
                loss="soft_l1",
                f_scale=ROBUST,
                x_scale="jac",
            ).x
        left, jacobian = self._candidates.derive(structure, unknowns, z)
        weight = (1 + (left / ROBUST) ** 2) ** -0.25
        cost = robust_cost(left) + 0.5 * float(((z / PRIOR) ** 2).sum())
        return Estimate(structure, unknowns, z, jacobian * weight[:, :, None], left * weight,
                        self._candidates.noise.copy(), cost)  # fmt: skip

    def _steady(self, estimate: Estimate) -> bool:
        return bool(np.abs(self._candidates.noise / estimate.noise - 1).max() < 0.05)

    def _unknowns(self, structure: Structure) -> tuple[Unknown, ...]:
        return (*self._question.unknowns, *structure.alternative.unknowns)

    def _carried(self, have: tuple[Unknown, ...], z: Array, want: tuple[Unknown, ...]) -> Array:
        """Return coordinates for other unknowns; new ones start in the middle of their range."""
        known = {u.column: float(value) for u, value in zip(have, z, strict=True)}
        return np.array([known.get(unknown.column, 0.0) for unknown in want])

    def _inside(self, unknowns: tuple[Unknown, ...], z: Array) -> Array:
        if not len(unknowns):
            return z
        low, high = np.array([unknown.limits() for unknown in unknowns]).T
        return np.clip(z, low + 1e-3, high - 1e-3)

    def _screen(
        self, present: Structure, unknowns: tuple[Unknown, ...], z: Array
    ) -> tuple[Structure, Array]:
        """Return the structure with the smallest cost at the present task, and its start."""
        ranked = self._ranked(present, unknowns, z)
        return (ranked[0][1], ranked[0][2]) if ranked else (present, z)

    def _ranked(
        self, present: Structure, unknowns: tuple[Unknown, ...], z: Array
    ) -> list[tuple[float, Structure, Array]]:
        """Return structures by their cost, each at the best of three values of its unknowns."""
        structures = [Structure(present.alternative, d) for d in self._question.delays]
        structures += [Structure(a, present.delay) for a in self._question.alternatives]
        trials: list[tuple[Structure, Array]] = []
        for structure in dict.fromkeys([present, *structures]):
            start = self._carried(unknowns, z, self._unknowns(structure))
            if structure == present or not structure.alternative.unknowns:
                trials.append((structure, start))
                continue
            for level in (-0.7, 0.0, 0.7):
                trial = start.copy()
                trial[len(self._question.unknowns) :] = level
                trials.append((structure, trial))
        vectors = [self._candidates.vectors(s, self._unknowns(s), t[None])[0] for s, t in trials]
        white = self._candidates.compare(np.array(vectors))
        costs = np.array([robust_cost(one) for one in white])
        samples = np.log(max(self._candidates.samples, 2))
        costs += [0.5 * samples * (len(s.alternative.unknowns) + len(s.alternative.fixed))
                  for s, _ in trials]  # fmt: skip
        order = np.argsort(costs, kind="stable")
        return [(float(costs[i]), *trials[i]) for i in order]

    def _begin(self, unknowns: tuple[Unknown, ...], z: Array) -> tuple[Structure, Array]:
        """Return the best of the nominal task and some spread over the ranges, at each delay."""
        structures = [Structure(delay=delay) for delay in self._question.delays]
        starts = z[None]
        if len(unknowns):
            draws = qmc.Sobol(len(unknowns), rng=self._seed).random(_STARTS + 1)[1:]
            starts = np.concatenate([starts, self._inside(unknowns, 2 * draws - 1)])
        tasks = [self._candidates.vectors(s, unknowns, starts) for s in structures]
        white = self._candidates.compare(np.concatenate(tasks))
        best = int(np.argmin([robust_cost(one) for one in white]))
        return structures[best // len(starts)], starts[best % len(starts)]

    def _evolve(self, unknowns: tuple[Unknown, ...], z: Array, structure: Structure) -> Array:
        """Return the best task that an evolution strategy finds, a population to a batch."""
        try:
            import cma
        except ImportError:
            raise FastadaptError(f"The method 'cma' needs the package cma. {INSTALL}") from None
        if not len(unknowns):
            return z
        limits = np.array([unknown.limits() for unknown in unknowns])
        search = cma.CMAEvolutionStrategy(
            z, 0.5, {"bounds": list(limits.T), "seed": self._seed + 1, "verbose": -9,
                     "maxiter": 40}
        )  # fmt: skip
        while not search.stop():
            population = search.ask()
            white = self._candidates.residuals(structure, unknowns, np.array(population))
            search.tell(population, [robust_cost(one) for one in white])
        return np.asarray(search.result.xbest)
