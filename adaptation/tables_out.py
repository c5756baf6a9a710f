"""The table of results as files for other programs: CSV always, Parquet where pyarrow is there."""

from __future__ import annotations

from pathlib import Path

from fastadapt.adaptation.checkpoint import write_text
from fastadapt.adaptation.result_files import table_text
from fastadapt.adaptation.results import COLUMNS, Result


def write_tables(result: Result, folder: Path) -> list[Path]:
    """Write `results.csv`, and `results.parquet` if pyarrow is installed; return what was written.

    One row per agent, seed, task set, split, task, shot and measured episode, as `COLUMNS` says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.csv", table_text(result.table))
    written = [folder / "results.csv"]
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return written
    columns = {name: result.table[name].tolist() for name in COLUMNS.names or ()}
    path = folder / "results.parquet"
    temporary = path.with_name(f".{path.name}.writing")
    pyarrow.parquet.write_table(pyarrow.table(columns), temporary)
    temporary.replace(path)
    return [*written, path]
