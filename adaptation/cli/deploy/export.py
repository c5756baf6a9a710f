"""Write a trained agent as an ONNX file that a controller loads."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from fastadapt.adaptation.deploy.export import Exported


@dataclass(frozen=True)
class Export:
    """Write a trained agent as one ONNX file with everything inside that acting needs.

    A YAML file beside it says what goes in and out, in which units, and what a fall resets. The
    metadata of the ONNX file says the same, under the keys that controllers for mjlab's policies
    read, and under `fastadapt.`.
    """

    run: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN")]
    """Run directory or zoo:NAME."""
    out: Path = Path("policy.onnx")
    """The file to write."""
    shots: int = 0
    """Adaptation episodes in simulation before the export; what they taught is in the file."""
    split: str | None = None
    """With --shots: split that the task is from."""
    task: str | None = None
    """With --shots: id of the task, or its beginning (default: the first of the split)."""
    shots_from: Path | None = None
    """A recording of the robot (.parquet, .csv) to adapt to before the export."""
    seed: int = 0
    """With --shots: seed of starts and exploration."""
    torchscript: bool = False
    """Also write a TorchScript file, *.pt, that keeps its memory and has reset()."""
    two_graphs: bool = False
    """With pearl: also write inference (*.encoder.onnx: transitions to z) and acting on z
    (*.policy.onnx)."""


def run(arguments: list[str]) -> None:
    """Parse and export."""
    args = tyro.cli(Export, args=arguments, prog="fastadapt export")
    from fastadapt.adaptation.deploy.export import export

    kinds = {"torchscript": args.torchscript, "two_graphs": args.two_graphs}
    if args.shots_from is not None:
        from fastadapt.adaptation.deploy.adapt import adapt
        from fastadapt.errors import FastadaptError

        if args.shots:
            raise FastadaptError("--shots and --shots-from exclude each other: give one of them.")
        adapted = adapt(args.run, args.shots_from, args.out, **kinds)
        print(adapted.text())
        done = adapted.exported
        assert done is not None
    else:
        done = export(
            args.run,
            args.out,
            shots=args.shots,
            split=args.split,
            task=args.task,
            seed=args.seed,
            **kinds,
        )
    print(described(done))
    for warning in done.warnings:
        print(f"fastadapt: {warning}", file=sys.stderr)


def described(done: Exported) -> str:
    """Return what was written, and what a controller hands in and gets back."""
    contract = done.contract
    obs = " + ".join(f"{block.name} ({block.size})" for block in contract.inputs)
    states = "".join(f", {m.name}_in {tuple(m.shape)}" for m in contract.memories)
    back = "".join(f", {m.name}_out" for m in contract.memories)
    lines = [
        f"Wrote {', '.join(map(str, done.files))}",
        f"{contract.agent} of {contract.task_set}, one call every {contract.control_step:g} s",
        f"  in:  obs (1, {contract.size}) = {obs}{states}",
        f"  out: actions (1, {len(contract.action)}){back}",
        f"  {contract.adapted}",
        f"  {contract.reset_rule}",
    ]
    return "\n".join(lines)
