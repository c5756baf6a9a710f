"""Formats of logs, units, clocks, and one clear sentence for each bad log."""

import json

import numpy as np
import pytest

from fastadapt.adaptation.logs.fit import read_measured
from fastadapt.adaptation.logs.reading.clock import report_clock
from fastadapt.adaptation.logs.reading.read import read_logs
from fastadapt.adaptation.logs.reading.recording import from_table
from fastadapt.adaptation.logs.record import CLOCK, table_of, write_csv
from fastadapt.adaptation.logs.segments import cut
from fastadapt.envs import FastadaptError
from tests.support.arm_logs import declared, log_of

DEGREES = "[log]\n" + "".join(
    f'{kind} = {{ "*" = {{ column = "{word}/{{name}}", unit = "{unit}" }} }}\n'
    for kind, word, unit in (("positions", "position", "deg"), ("velocities", "velocity", "deg/s"))
)


@pytest.fixture(scope="module")
def arm(tmp_path_factory):
    task_set, _ = declared(tmp_path_factory.mktemp("arm"), "object")
    return task_set, table_of(log_of(task_set, seconds=2.0))


def measured(task_set, table):
    return read_measured(task_set, [from_table("log", table, CLOCK)])[0]


def values(log, name):
    return next(s.series.value for s in log.signals if s.name == name)


def test_csv_parquet_and_hdf5_hold_the_same(arm, tmp_path):
    import h5py
    import pyarrow as pa
    import pyarrow.parquet as pq

    _, table = arm
    write_csv(tmp_path / "log.csv", table)
    pq.write_table(pa.table(table), tmp_path / "log.parquet")
    with h5py.File(tmp_path / "log.h5", "w") as file:
        for name, column in table.items():
            file[name] = column
    for ending in ("csv", "parquet", "h5"):
        (found,) = read_logs([tmp_path / f"log.{ending}"], CLOCK)
        assert set(found.columns) == set(table) - {"time"}
        np.testing.assert_array_equal(
            found.columns["position/joint2"].value, table["position/joint2"]
        )


def test_lerobot_episodes_are_recordings_with_named_columns(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "meta").mkdir()
    folder = tmp_path / "data" / "chunk-000"
    folder.mkdir(parents=True)
    names = ["pan.pos", "lift.pos"]
    info = {"codebase_version": "v3.0", "fps": 30, "total_episodes": 2,
            "features": {"observation.state": {"names": names}}}  # fmt: skip
    (tmp_path / "meta" / "info.json").write_text(json.dumps(info))
    rows = np.arange(20, dtype=float).reshape(10, 2)
    time = np.tile(np.arange(5) / 30, 2)
    content = {"observation.state": list(rows), "timestamp": time,
               "episode_index": [0] * 5 + [1] * 5}  # fmt: skip
    pq.write_table(pa.table(content), folder / "file-000.parquet")
    first, second = read_logs([tmp_path], CLOCK)
    assert first.columns["observation.state.lift.pos"].value.tolist() == rows[:5, 1].tolist()
    assert second.columns["observation.state.pan.pos"].time[0] == 0
    info["total_episodes"] = 3
    (tmp_path / "meta" / "info.json").write_text(json.dumps(info))
    with pytest.raises(FastadaptError, match="2 of 3 episodes"):
        read_logs([tmp_path], CLOCK)
    info["codebase_version"] = "v2.1"
    (tmp_path / "meta" / "info.json").write_text(json.dumps(info))
    with pytest.raises(FastadaptError, match=r"version v2\.1; version 3 is read"):
        read_logs([tmp_path], CLOCK)


JOINT_STATE = """\
std_msgs/Header header
string[] name
float64[] position
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""


def write_mcap(path):
    from mcap_ros2.writer import Writer

    with path.open("wb") as file:
        writer = Writer(file)
        schema = writer.register_msgdef("sensor_msgs/msg/JointState", JOINT_STATE)
        for i in range(50):
            stamp = {"sec": 5, "nanosec": i * 20_000_000}
            message = {"header": {"stamp": stamp, "frame_id": ""}, "name": ["elbow", "wrist"],
                       "position": [0.1 * i, -0.1 * i]}  # fmt: skip
            writer.write_message("/joint_states", schema, message, log_time=i * 21_000_000)
        writer.finish()


def test_ros_messages_are_named_by_joint_and_timed_by_their_header(tmp_path):
    write_mcap(tmp_path / "bag.mcap")
    (found,) = read_logs([tmp_path / "bag.mcap"], CLOCK)
    series = found.columns["/joint_states.position.wrist"]
    np.testing.assert_allclose(series.time, np.arange(50) * 0.02, atol=1e-6)
    np.testing.assert_allclose(series.value, -0.1 * np.arange(50))
    (again,) = read_logs([tmp_path], CLOCK)  # the folder of a bag
    assert set(again.columns) == set(found.columns)


def test_a_truncated_mcap_is_told(tmp_path):
    write_mcap(tmp_path / "bag.mcap")
    content = (tmp_path / "bag.mcap").read_bytes()
    (tmp_path / "bag.mcap").write_bytes(content[: len(content) // 2])
    with pytest.raises(FastadaptError, match="cut off"):
        read_logs([tmp_path / "bag.mcap"], CLOCK)


def test_units_signs_and_offsets_are_those_of_the_mapping(arm, tmp_path):
    task_set, table = arm
    column = '{ column = "position/joint1", unit = "deg", sign = -1, offset = 0.2 }'
    mapped, _ = declared(tmp_path, "object", log=f"[log.positions]\njoint1 = {column}\n")
    plain = values(measured(task_set, table), "position joint1")
    turned = table | {"position/joint1": -np.rad2deg(plain - 0.2)}
    np.testing.assert_allclose(values(measured(mapped, turned), "position joint1"), plain)


def test_jitter_gaps_and_missing_samples_are_reported_and_no_segment_crosses_a_gap(arm):
    task_set, table = arm
    rng = np.random.default_rng(0)
    keep = np.ones(len(table["time"]), bool)
    keep[40:60] = False
    broken = {name: column[keep].copy() for name, column in table.items()}
    broken["time"] += rng.uniform(-0.002, 0.002, len(broken["time"]))
    broken["position/joint3"][[5, 9]] = np.nan
    log = measured(task_set, broken)
    clock = report_clock(log)
    assert (clock.gaps, clock.missing[0]) == (1, 2)
    assert 0.0005 < clock.jitter < 0.005
    assert clock.longest_gap == pytest.approx(0.42, abs=0.01)
    segments = cut([log], task_set.environment, 0.2, 8)
    assert segments.tick_steps == 1  # samples fall between control steps
    edge = table["time"][40] - 0.02
    assert all(t + 0.2 <= edge + 0.01 or t >= edge + 0.39 for t in segments.start)


def spoilt(table, name, change):
    return table | {name: change(table[name].copy())}


def with_nan(column):
    column[::2] = np.nan
    return column


def backwards(column):
    column[50:] -= 0.5
    return column


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("position/joint2", lambda x: np.rad2deg(x) + 400, "far outside the range"),
        ("time", lambda t: 1000 * t, 'unit = "ms"'),
        ("time", backwards, "time runs backwards at sample 51"),
        ("time", lambda t: t * np.nan, "has no two times"),
        ("position/joint2", with_nan, "lacks 50 of 100 samples"),
        ("position/joint2", lambda x: x / 0, "is infinite"),
        ("velocity/joint2", np.rad2deg, 'unit = "deg/s"'),
        ("velocity/joint2", np.negative, "sign = -1"),
        ("command/joint2", lambda x: 1000 * x + 400, "another robot"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_bad_log_gets_one_sentence(arm, name, change, words):
    task_set, table = arm
    measured(task_set, table)  # as it is, it is fine
    with pytest.raises(FastadaptError) as caught:
        measured(task_set, spoilt(table, name, change))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_degrees_are_recognised(arm, tmp_path):
    task_set, table = arm
    turned = {n: np.rad2deg(c) if n.startswith(("position", "velocity")) else c
              for n, c in table.items()}  # fmt: skip
    with pytest.raises(FastadaptError, match='unit = "deg"'):
        measured(task_set, turned)
    mapped, _ = declared(tmp_path, "object", log=DEGREES)
    right = measured(mapped, turned)
    np.testing.assert_allclose(values(right, "position joint1"), table["position/joint1"])


def test_missing_columns_and_commands_are_named(arm):
    task_set, table = arm
    lost = {name: column for name, column in table.items() if name != "command/joint3"}
    with pytest.raises(FastadaptError, match="no column in 'log' called 'command/joint3'"):
        measured(task_set, lost)
    with pytest.raises(FastadaptError, match="column for the clock called 'time'"):
        measured(task_set, {name: column for name, column in table.items() if name != "time"})


def test_a_log_that_is_too_short_is_told(arm):
    task_set, table = arm
    log = measured(task_set, {name: column[:30] for name, column in table.items()})
    with pytest.raises(FastadaptError, match="too short"):
        cut([log], task_set.environment)


@pytest.mark.parametrize("ending", ["csv", "parquet", "h5"])
def test_a_file_that_is_cut_off_is_told(arm, tmp_path, ending):
    import h5py
    import pyarrow as pa
    import pyarrow.parquet as pq

    _, table = arm
    path = tmp_path / f"log.{ending}"
    if ending == "csv":
        write_csv(path, table)
    elif ending == "parquet":
        pq.write_table(pa.table(table), path)
    else:
        with h5py.File(path, "w") as file:
            for name, column in table.items():
                file[name] = column
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(FastadaptError, match="cut off"):
        read_logs([path], CLOCK)


def test_unknown_files_are_told(tmp_path):
    (tmp_path / "log.xyz").write_text("?")
    with pytest.raises(FastadaptError, match="no log that can be read"):
        read_logs([tmp_path / "log.xyz"], CLOCK)
    with pytest.raises(FastadaptError, match="There is no log"):
        read_logs([tmp_path / "none.csv"], CLOCK)
