"""The table of results as files for other programs: CSV always, Parquet where pyarrow is there."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from fastadapt.adaptation.checkpoint import write_text
from fastadapt.adaptation.results import COLUMNS, Result


def write_tables(result: Result, folder: Path) -> list[Path]:
    """Write `results.csv`, and `results.parquet` if pyarrow is installed; return what was written.

    One row per agent, seed, task set, split, task, shot and measured episode, as `COLUMNS` says.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS.names or ())
    writer.writerows(result.table.tolist())
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.csv", file.getvalue())
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
