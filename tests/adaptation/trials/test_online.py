"""Online trials: when the damage begins, which robots it affects, and what stays the same."""

import numpy as np
import pytest

from fastadapt.adaptation.trials.online import run_online, run_struck
from fastadapt.adaptation.trials.online_plan import OnlinePlan, striking
from fastadapt.agents import make_agent
from fastadapt.envs import FastadaptError, load_task_set

PLAN = OnlinePlan(duration=4.0, earliest=1.0, latest=2.0)


@pytest.fixture(scope="module")
def reacher():
    return load_task_set("reacher-damage")


def agent(task_set, name="rl2"):
    return make_agent(name, task_set, num_envs=2, width=16)


@pytest.fixture(scope="module")
def trial(reacher):
    return run_online(agent(reacher), reacher, reacher.tasks("test_held_out_damage")[:6], PLAN)


def test_twins_are_equal_until_the_onset_and_never_after(trial):
    struck, healthy = trial.struck.reward, trial.healthy.reward
    assert struck.shape == healthy.shape == trial.settled.reward.shape == (100, 6)
    for i, onset in enumerate(trial.strike):
        np.testing.assert_array_equal(struck[:onset, i], healthy[:onset, i])
        assert not np.array_equal(struck[onset:, i], healthy[onset:, i])
        assert not np.array_equal(trial.settled.reward[:onset, i], healthy[:onset, i])
        assert 1.0 <= onset * trial.step <= 2.0
    assert trial.changes.all()
    assert len(set(trial.strike)) > 1


def test_the_episode_is_longer_than_the_environments_and_is_never_reset(reacher, trial):
    assert len(trial.struck.reward) == 100 > reacher.environment.horizon
    jumps = np.abs(np.diff(trial.healthy.reward[60:], axis=0))
    assert (jumps < 0.2).all()  # no jump to a new start


def test_only_the_damage_begins_within_the_episode(reacher):
    """Masses, friction and cameras are what they are from the start, on every robot."""
    assert striking(reacher) == ("weak", "dead", "locked")
    healthy = [task for task in reacher.tasks("test_iid") if not task_has_damage(task)]
    assert healthy
    found = run_online(agent(reacher), reacher, healthy, PLAN)
    assert not found.changes.any()
    np.testing.assert_array_equal(found.struck.reward, found.healthy.reward)
    np.testing.assert_array_equal(found.struck.reward, found.settled.reward)
    plan = OnlinePlan(4.0, 1.0, 2.0, strikes=("object", "damage"))
    assert striking(reacher, plan.strikes) == ("object", "weak", "dead", "locked")
    assert run_online(agent(reacher), reacher, healthy, plan).changes.all()
    everything = load_task_set("cheetah-velocity")
    assert set(striking(everything)) == {b.perturbation.name for b in everything.blocks}
    with pytest.raises(FastadaptError, match=r"'camra'.*'camera'"):
        striking(reacher, ["camra"])


def task_has_damage(task):
    return any(name.startswith(("weak", "dead", "locked")) for name in task.changes())


def test_a_trial_does_not_depend_on_its_neighbours(reacher, trial):
    tasks = reacher.tasks("test_held_out_damage")[:6]
    some = run_online(agent(reacher), reacher, tasks[3:5], PLAN, num_threads=1)
    np.testing.assert_allclose(some.struck.reward, trial.struck.reward[:, 3:5], atol=1e-4)
    np.testing.assert_array_equal(some.strike, trial.strike[3:5])
    alone = run_struck(agent(reacher), reacher, tasks, PLAN)
    np.testing.assert_allclose(alone.reward, trial.struck.reward, atol=1e-4)


def test_another_seed_strikes_at_another_time(reacher, trial):
    other = run_online(agent(reacher), reacher, reacher.tasks("test_held_out_damage")[:6], PLAN, 1)
    assert not np.array_equal(other.strike, trial.strike)


class Watcher:
    """Takes note of everything it is told."""

    def __init__(self, actions):
        self.actions = actions
        self.told = []

    def begin(self, num_tasks):
        self.num = num_tasks

    def act(self, observation, explore):
        self.told.append(("act", explore))
        return np.zeros((self.num, self.actions))

    def observe(self, transition):
        self.told.append(("observe", bool(transition.terminated.any())))

    def end_episode(self, done):
        self.told.append("end")

    def snapshot(self):
        self.told.append("snapshot")

    def restore(self, snapshot):
        self.told.append("restore")


def test_nobody_is_told(reacher):
    watcher = Watcher(4)
    run_online(watcher, reacher, reacher.tasks("validation")[:2], PLAN)
    assert watcher.told == [("act", False), ("observe", False)] * 100


def test_healed_damage_is_gone_and_a_ramp_is_gentle():
    cheetah = load_task_set("cheetah-damage")  # left alone it stands, where an arm would tumble
    tasks = cheetah.tasks("test_extrapolation_far")[:4]
    everything = tuple(block.perturbation.name for block in cheetah.blocks)
    plans = ({"heals_after": 0.05}, {"ramp": 2.0}, {})
    healed, ramped, struck = (
        np.abs(found.struck.reward - found.healthy.reward)
        for found in (
            run_online(
                Watcher(6), cheetah, tasks, OnlinePlan(4.0, 1.0, 1.0, **plan, strikes=everything)
            )
            for plan in plans
        )
    )
    assert healed[20:25].mean() > 0
    assert healed[60:].mean() < 0.1 * struck[60:].mean()
    assert 0 < ramped[20:40].mean() < 0.5 * struck[20:40].mean()


def test_levels_of_ramps_repairs_and_repeated_damage():
    since = np.arange(-2, 12)
    ramp = OnlinePlan(20.0, 1.0, 2.0, ramp=3.0).level(since, 1.0)
    assert ramp.tolist() == [0, 0, 0.25, 0.5, 0.75, *[1] * 9]
    again = OnlinePlan(20.0, 1.0, 2.0, heals_after=2.0, again_after=3.0).level(since, 1.0)
    assert again.tolist() == [0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1]
    once = OnlinePlan(20.0, 1.0, 2.0, heals_after=2.0).level(since, 1.0)
    assert once.tolist() == [0, 0, 1, 1, *[0] * 10]
    with pytest.raises(FastadaptError, match="begins again after a repair"):
        OnlinePlan(20.0, 1.0, 2.0, again_after=3.0)
    with pytest.raises(FastadaptError, match="ramp = nan"):
        OnlinePlan(20.0, 1.0, 2.0, ramp=float("nan"))
    with pytest.raises(FastadaptError, match="heals_after = inf s; it must be finite"):
        OnlinePlan(20.0, 1.0, 2.0, heals_after=float("inf"))
    assert OnlinePlan(20.0, 1.0, 2.0).level(since, 1.0)[-1] == 1


class Believer(Watcher):
    """Acts by the number of steps that its belief has seen."""

    belief = (np.zeros((1, 1)), np.ones((1, 1)))

    def begin(self, num_tasks):
        super().begin(num_tasks)
        self.seen = np.zeros(num_tasks)

    def act(self, observation, explore):
        return np.tile(np.tanh(self.seen / 50)[:, None], self.actions)

    def observe(self, transition):
        self.seen += transition.reward

    def swap_context(self, order):
        self.seen = self.seen[order]


def test_the_uninformed_twin_keeps_the_belief_of_the_healthy_robot(reacher):
    tasks = reacher.tasks("test_held_out_damage")[:4]
    found = run_online(Believer(4), reacher, tasks, PLAN)
    uninformed, struck = found.uninformed.reward, found.struck.reward
    for i, onset in enumerate(found.strike):
        np.testing.assert_array_equal(uninformed[:onset, i], struck[:onset, i])
    assert not np.array_equal(uninformed, struck)
    assert not np.array_equal(uninformed, found.healthy.reward)
    assert run_online(Watcher(4), reacher, tasks, PLAN).uninformed is None


@pytest.mark.parametrize(
    "numbers", [(4, 3, 2), (4, 1, 4), (4, -1, 2), (4, 1, 2, -1), (4, 1, 2, 1.0, 0.5)]
)
def test_impossible_plans_are_refused(numbers):
    with pytest.raises(FastadaptError, match=r"onset lies between|ramp"):
        OnlinePlan(*numbers)


def test_no_task_is_told(reacher):
    with pytest.raises(FastadaptError, match="at least one task"):
        run_online(agent(reacher), reacher, [], PLAN)


def test_the_way_to_a_task(reacher):
    cheetah = load_task_set("cheetah-damage")
    task = next(t for t in cheetah.tasks("train") if any("locked.locked" in n for n in t.changes()))
    half = dict(zip(task.names, cheetah.between(task, 0.5).values, strict=True))
    whole = dict(zip(task.names, task.values, strict=True))
    assert half["torso_mass.scale[torso]"] == pytest.approx(whole["torso_mass.scale[torso]"] ** 0.5)
    assert {n: v for n, v in half.items() if n.startswith("locked")} == {
        n: v for n, v in whole.items() if n.startswith("locked")
    }
    assert cheetah.between(task, 1.0) == task
    assert cheetah.between(task, 0.0) == cheetah.nominal
    rest = cheetah.between(task, 0.0, ("locked",)).changes()
    assert rest == {n: v for n, v in task.changes().items() if not n.startswith("locked")}
    with pytest.raises(FastadaptError, match="does not belong"):
        reacher.between(task, 0.5)
