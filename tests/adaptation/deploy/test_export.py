"""Exported files: their contract, what runs them, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastadapt.adaptation.cli.main import run
from fastadapt.adaptation.deploy.contract import MJLAB, Contract
from fastadapt.adaptation.deploy.export import export, task_of, write_agent
from fastadapt.adaptation.deploy.onnx_agent import OnnxAgent
from fastadapt.envs import FastadaptError, load_task_set
from tests.support.randomised import randomised, run_of, trial

onnxruntime = pytest.importorskip("onnxruntime")
CONTROLLER = Path(__file__).parents[3] / "examples/controller.py"


@pytest.fixture(scope="module")
def task_set():
    return load_task_set("quadruped-damage")


@pytest.fixture(scope="module")
def agent(task_set):
    agent = randomised("rl2", task_set)
    agent.begin(1)
    return agent


@pytest.fixture(scope="module")
def path(agent, task_set, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "policy.onnx"
    write_agent(agent, run_of(task_set), path, torchscript=True)
    return path


@pytest.fixture(scope="module")
def pearl(tmp_path_factory):
    path = tmp_path_factory.mktemp("zoo") / "pearl.onnx"
    return export("zoo:pearl-reacher-damage", path, two_graphs=True)


@pytest.fixture(autouse=True, scope="module")
def elsewhere(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("here"))
        yield


def test_names_and_shapes_are_those_of_rsl_rl(path):
    session = onnxruntime.InferenceSession(str(path))
    ins = {i.name: i.shape for i in session.get_inputs()}
    outs = {o.name: o.shape for o in session.get_outputs()}
    assert ins == {"obs": [1, 46 + 12 + 2], "h_in": [1, 1, 24]}
    assert outs == {"actions": [1, 12], "h_out": [1, 1, 24]}


def test_keys_of_mjlab_are_strings_of_comma_separated_values(path, task_set):
    metadata = onnxruntime.InferenceSession(str(path)).get_modelmeta().custom_metadata_map
    assert set(MJLAB) <= set(metadata)
    assert metadata["joint_names"].split(",") == [c.name for c in task_set.environment.actions()]
    assert metadata["joint_stiffness"] == ",".join(["35.000"] * 12)
    assert metadata["action_scale"] == ",".join(["0.200", "0.400", "0.400"] * 4)
    blocks = "observation,previous_action,previous_reward,episode_start"
    assert metadata["observation_names"] == blocks
    key = task_set.environment.model().key_qpos[0]
    assert metadata["default_joint_pos"] == ",".join(f"{x:.3f}" for x in key[7:])


@pytest.mark.parametrize("robot", ["quadruped-damage", "arm-push-damage", "reacher-damage"])
def test_commands_are_those_that_the_simulation_sends(robot):
    from fastadapt.adaptation.deploy.contract import INCREMENT
    from fastadapt.adaptation.deploy.controller_keys import commands
    from fastadapt.envs import make_batch

    task_set = load_task_set(robot)
    found, rng = commands(task_set), np.random.default_rng(0)
    assert (found.rule == INCREMENT) == (robot == "arm-push-damage")
    envs = make_batch(task_set, 1, 1)
    envs.reset(seed=0)
    last = np.array(found.offset)
    for _ in range(3):
        action = rng.uniform(-1, 1, len(last))
        base = last if found.rule == INCREMENT else np.array(found.offset)
        last = base + np.array(found.scale) * action
        envs.step(action[None])
        assert np.allclose(envs.sim.data("ctrl")[0], last, atol=1e-6)


def test_the_yaml_says_what_the_metadata_says(path, task_set):
    import yaml

    contract = OnnxAgent(path).contract
    content = yaml.safe_load(path.with_suffix(".yaml").read_text(encoding="utf-8"))
    assert content["task_set_hash"] == contract.task_set_hash == task_set.hash
    assert content["control_step"] == contract.control_step == pytest.approx(0.02)
    assert len(content["observation"]) == 46
    assert content["observation"][0] == "commanded velocity x [m/s]"
    assert "episode_start" in content["reset_rule"]
    assert content["needs_reward"] is True
    assert Contract.of(contract.metadata(), "it") == contract


def test_torchscript_keeps_its_memory_until_it_is_reset(path, agent):
    import torch

    module = torch.jit.load(str(path.with_suffix(".pt")))
    agent.begin(1)
    policy = OnnxAgent(path)
    rows = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 1, 60)).astype(np.float32))
    first = [module(row).detach().numpy() for row in rows]
    session = onnxruntime.InferenceSession(str(path))
    hidden = np.zeros((1, 1, 24), np.float32)
    for row, actions in zip(rows, first, strict=True):
        expected, hidden = session.run(None, {"obs": row.numpy(), "h_in": hidden})
        assert np.abs(actions - expected).max() < 1e-5
    again = module(rows[0]).detach().numpy()
    module.reset()
    assert np.array_equal(module(rows[0]).detach().numpy(), first[0])
    assert not np.allclose(again, first[0], atol=1e-4)
    del policy


def test_two_graphs_of_pearl_infer_and_act_as_the_agent(pearl):
    from fastadapt.adaptation.runs.open_run import open_run
    from fastadapt.agents.interface import Transition

    agent = open_run("zoo:pearl-reacher-damage").agent()
    agent.begin(1)
    encoder, policy = (onnxruntime.InferenceSession(str(file)) for file in pearl.files[-2:])
    columns = encoder.get_modelmeta().custom_metadata_map["fastadapt.columns"]
    assert columns == "observation:16,action:4,reward:1,next_observation:16"
    rng, rows = np.random.default_rng(0), []
    for _ in range(20):
        s, a, r, after = (rng.normal(size=(1, n)) for n in (16, 4, 1, 16))
        a = np.clip(a, -1, 1)
        no = np.zeros(1, bool)
        agent.observe(Transition(s, a, r[0], after, no, no))
        rows.append(np.concatenate([s, a, r, after], 1))
    agent.end_episode(np.ones(1, bool))
    z, std = encoder.run(None, {"context": np.concatenate(rows).astype(np.float32)})
    mean, spread = agent.belief
    assert np.abs(z - mean).max() < 1e-5
    assert np.abs(std - spread).max() < 1e-5
    seen = rng.normal(size=(1, 16))
    actions = policy.run(None, {"obs": seen.astype(np.float32), "z": z})[0]
    assert np.abs(actions - agent.act(seen, False)).max() < 1e-5


def test_one_graph_of_a_shipped_agent_agrees_over_a_trial(pearl):
    from fastadapt.adaptation.runs.open_run import open_run

    opened = open_run("zoo:pearl-reacher-damage")
    (worst,), _ = trial(opened.agent(), opened.task_set, 225, [OnnxAgent(pearl.files[0])])
    assert worst < 1e-5


def test_it_runs_without_torch_and_prints_a_table(pearl):
    code = (
        "import sys\n"
        "from fastadapt.adaptation.cli.main import run\n"
        f"assert run(['run', {str(pearl.files[0])!r}, '--episodes', '1']) == 0\n"
        "assert 'onnxruntime' in sys.modules and 'mujoco' in sys.modules\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "pearl" in done.stdout
    assert "test_iid" in done.stdout


@pytest.mark.slow
def test_it_scores_as_the_agent_does(pearl):
    from fastadapt.adaptation.evaluation.evaluate import evaluate
    from fastadapt.adaptation.runs.open_run import open_run

    opened, policy = open_run("zoo:pearl-reacher-damage"), OnnxAgent(pearl.files[0])
    kinds = {"split": "test_iid", "shots": (0,), "episodes": 1, "num_threads": 1}
    mine, its = (evaluate(x, opened.task_set, **kinds).table for x in (policy, opened.agent()))
    assert np.allclose(mine["return"], its["return"], rtol=1e-3, atol=0.05)


def load_controller():
    namespace = {"__name__": "controller"}
    exec(compile(CONTROLLER.read_text(encoding="utf-8"), "controller.py", "exec"), namespace)
    return namespace["Controller"]


def test_the_controller_of_the_examples_is_short_and_needs_nothing_of_ours():
    text = CONTROLLER.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    imported = {
        line.split()[1] for line in text.splitlines() if line.startswith(("import", "from"))
    }
    assert imported == {"json", "sys", "time", "typing", "numpy", "onnxruntime"}


@pytest.mark.parametrize("name", ["rl2", "pearl", "recurrent", "window"])
def test_the_controller_of_the_examples_acts_as_the_agent(name, task_set, tmp_path):
    from fastadapt.agents.interface import Transition

    agent = randomised(name, task_set)
    agent.begin(1)
    write_agent(agent, run_of(task_set), tmp_path / "policy.onnx")
    controller = load_controller()(str(tmp_path / "policy.onnx"))
    rng = np.random.default_rng(0)
    reward = last = None
    for episode in range(3):
        controller.start_episode()
        seen = rng.normal(size=46)
        for step in range(8):
            given = {"reward": reward, "last_observation": last if step == 0 else None}
            action = controller.act(seen, **given)
            expected = agent.act(seen[None], False)[0]
            assert np.abs(action - expected).max() < 1e-5, (episode, step)
            reward, following = float(rng.normal()), rng.normal(size=46)
            fell = np.array([step == 7])
            agent.observe(
                Transition(
                    seen[None],
                    expected[None],
                    np.array([reward]),
                    following[None],
                    fell,
                    ~fell & False,
                )
            )
            seen = last = following
        agent.end_episode(np.ones(1, bool))


def test_maml_after_shots_is_another_policy_than_before(tmp_path):
    before = export("zoo:maml-reacher-damage", tmp_path / "a.onnx")
    kinds = {"split": "test_held_out_damage", "shots": 2}
    after = export("zoo:maml-reacher-damage", tmp_path / "b.onnx", **kinds)
    assert "2 inner steps" in after.contract.adapted
    assert "before adaptation" in before.contract.adapted
    seen = np.random.default_rng(0).normal(size=(3, 16))
    a, b = (OnnxAgent(tmp_path / f"{name}.onnx") for name in "ab")
    a.begin(3), b.begin(3)
    assert np.abs(a.act(seen, False) - b.act(seen, False)).max() > 1e-3


@pytest.mark.slow
def test_it_runs_in_an_environment_without_our_package(path, tmp_path):
    import venv

    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "numpy", "onnxruntime"], check=True)
    command = [python, str(CONTROLLER), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "us for each call" in done.stdout
    gone = subprocess.run([python, "-c", "import fastadapt"], capture_output=True)
    assert gone.returncode != 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--out", "policy.pt"], "no ONNX file"),
        (["--shots", "1"], "--shots needs --split"),
        (["--split", "test_iid"], "--split and --task are for --shots"),
        (["--shots", "1", "--split", "test_idd"], "test_iid"),
        (["--shots", "1", "--split", "test_iid", "--task", "zzz"], "task of 'test_iid' called"),
        (["--shots", "-1"], "shots"),
    ],
)
def test_a_wrong_export_is_refused_in_a_sentence(arguments, says, capsys):
    assert run(["export", "zoo:maml-reacher-damage", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error
    assert not list(Path().glob("policy*"))


def test_only_a_belief_can_be_exported_apart(capsys):
    assert run(["export", "zoo:maml-reacher-damage", "--two-graphs"]) == 2
    assert "only pearl has" in capsys.readouterr().err


def test_the_reward_and_the_parameters_are_asked_for_loudly(tmp_path, capsys):
    assert run(["export", "zoo:pearl-reacher-damage", "--out", str(tmp_path / "p.onnx")]) == 0
    assert "NEEDS THE REWARD" in capsys.readouterr().err
    name = "zoo:reacher-damage-v1/oracle-sac-0"
    assert run(["export", name, "--out", str(tmp_path / "o.onnx")]) == 0
    assert "NEEDS THE PARAMETERS OF THE TASK" in capsys.readouterr().err
    contract = OnnxAgent(tmp_path / "o.onnx").contract
    assert [s.name for s in contract.observation[16:]] == list(
        load_task_set("reacher-damage").names
    )
    assert run(["export", "zoo:maml-reacher-damage", "--out", str(tmp_path / "m.onnx")]) == 0
    assert "NEEDS" not in capsys.readouterr().err


def test_another_robot_is_refused(path):
    with pytest.raises(FastadaptError, match="made for quadruped"):
        OnnxAgent(path).check(load_task_set("reacher-damage"))


def test_a_file_of_others_is_refused(path, tmp_path, capsys):
    import onnx

    assert run(["run", str(tmp_path / "none.onnx")]) == 2
    assert "does not exist" in capsys.readouterr().err
    (tmp_path / "cut.onnx").write_bytes(path.read_bytes()[:500])
    assert run(["run", str(tmp_path / "cut.onnx")]) == 2
    assert "Export it again" in capsys.readouterr().err
    model = onnx.load(str(path))
    for key, says in (("fastadapt.format", "does not say what"), ("fastadapt.inputs", "damaged")):
        other = onnx.ModelProto()
        other.CopyFrom(model)
        kept = {e.key: e.value for e in model.metadata_props if e.key != key}
        onnx.helper.set_model_props(other, kept)
        onnx.save(other, str(tmp_path / "other.onnx"))
        assert run(["run", str(tmp_path / "other.onnx")]) == 2
        assert says in capsys.readouterr().err


def test_a_task_is_found_by_the_beginning_of_its_id(task_set):
    tasks = task_set.tasks("test_iid")
    assert task_of(task_set, "test_iid", tasks[3].id[:8]) == tasks[3]
    with pytest.raises(FastadaptError, match="longer id"):
        task_of(task_set, "test_iid", "")


def test_every_block_is_explained(path):
    contract = OnnxAgent(path).contract
    assert all(len(block.meaning) > 10 for block in contract.inputs)
    assert json.loads(contract.metadata()["fastadapt.control_step"]) == contract.control_step
