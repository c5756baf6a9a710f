"""Known mistakes of MAML implementations, injected: the tests beside this one must catch each."""

from dataclasses import replace

import numpy as np
import pytest

from fastadapt.agents.maml import episodes as maml_episodes
from fastadapt.agents.maml import inner as maml_adaptation
from fastadapt.agents.maml import outer as maml_outer
from fastadapt.agents.maml.agent import MAML
from fastadapt.agents.maml.outer import MetaParameters, MetaProblem
from fastadapt.agents.nn import gaussian_mlp
from fastadapt.agents.nn.baselines import LinearBaseline
from fastadapt.agents.nn.gaussian_mlp import GaussianMLP
from tests.agents.maml import test_maml, test_maml_episodes, test_maml_gradients
from tests.agents.maml.test_maml import SMALL_MAML


@pytest.fixture
def maml(reacher):
    from fastadapt.agents import make_agent

    return make_agent("maml", reacher, seed=3, **SMALL_MAML)


def fails(test, *arguments):
    with pytest.raises(AssertionError):
        test(*arguments)


def central_differences_of_one_step():
    test_maml_gradients.test_the_meta_gradient_equals_central_differences(
        1, "likelihood-ratio", False
    )


@pytest.mark.usefixtures("in_double_precision")
def test_a_second_order_path_that_is_cut_is_caught(monkeypatch):
    """As by copying the policy and editing `.data`."""
    adapt = MetaProblem.adapt

    def cut(self, meta, order):
        return adapt(self, meta, "first" if order == "second" else order)

    monkeypatch.setattr(MetaProblem, "adapt", cut)
    fails(central_differences_of_one_step)


@pytest.mark.usefixtures("in_double_precision")
def test_a_path_that_is_cut_altogether_is_caught(monkeypatch):
    adapt = MetaProblem.adapt

    def cut(self, meta, order):
        chain = adapt(self, meta, order)
        for k in range(1, len(chain.stages)):
            chain.stages[k] = chain.stages[k].detach() + 0 * meta[: self.policy.size]
        return chain

    monkeypatch.setattr(MetaProblem, "adapt", cut)
    fails(central_differences_of_one_step)


@pytest.mark.usefixtures("in_double_precision")
def test_steps_that_all_start_from_the_meta_parameters_are_caught(monkeypatch):
    """As an implementation that works for one inner step alone."""
    adapt = MetaParameters.adapt

    def restart(self, meta, start, experiences, order):
        chains = [adapt(self, meta, start, [lived], order) for lived in experiences]
        stages = [chains[0].stages[0], *(chain.stages[-1] for chain in chains)]
        return replace(chains[0], stages=stages)

    monkeypatch.setattr(MetaParameters, "adapt", restart)
    fails(
        test_maml_gradients.test_the_meta_gradient_equals_central_differences,
        3,
        "likelihood-ratio",
        False,
    )


@pytest.mark.usefixtures("in_double_precision")
def test_an_inner_gradient_averaged_over_tasks_is_caught(monkeypatch):
    inner_loss = maml_adaptation.inner_loss

    def shared(policy, parameters, *rest):
        average = parameters.mean(0, keepdim=True).expand_as(parameters)
        return inner_loss(policy, average, *rest)

    monkeypatch.setattr(maml_adaptation, "inner_loss", shared)
    fails(test_maml_gradients.test_tasks_do_not_see_each_other)


@pytest.mark.usefixtures("in_double_precision")
def test_noise_that_is_left_out_of_the_inner_step_is_caught(monkeypatch):
    log_std = GaussianMLP.log_std
    monkeypatch.setattr(
        GaussianMLP, "log_std", lambda self, parameters: log_std(self, parameters).detach()
    )
    fails(test_maml_gradients.test_the_noise_is_adapted_task_by_task)


@pytest.mark.usefixtures("in_double_precision")
def test_a_line_search_without_the_limit_is_caught(monkeypatch):
    step = maml_outer.trust_region.step

    def careless(*arguments, **options):
        return step(*arguments[:4], 100.0, **options)

    monkeypatch.setattr(maml_outer.trust_region, "step", careless)
    fails(test_maml_gradients.test_a_trust_region_step_keeps_its_limit_and_never_worsens, "second")


def test_log_densities_averaged_over_actions_are_caught(monkeypatch):
    log_prob = gaussian_mlp.log_prob
    monkeypatch.setattr(
        gaussian_mlp, "log_prob", lambda mean, *rest: log_prob(mean, *rest) / mean.shape[-1]
    )
    fails(test_maml_episodes.test_the_batched_policy_equals_one_network_per_task)


def test_a_step_in_the_wrong_direction_is_caught(monkeypatch):
    inner_loss = maml_adaptation.inner_loss
    monkeypatch.setattr(maml_adaptation, "inner_loss", lambda *arguments: -inner_loss(*arguments))
    fails(test_maml_episodes.test_an_inner_step_makes_better_actions_likelier, "log-likelihood")


def test_returns_that_run_from_one_episode_into_the_next_are_caught(monkeypatch):
    advantages = maml_episodes.AdvantageEstimator._advantages

    def leaking(self, episodes, values, lam):
        whole = replace(episodes, valid=np.ones_like(episodes.valid))
        return advantages(self, whole, values, lam)

    monkeypatch.setattr(maml_episodes.AdvantageEstimator, "_advantages", leaking)
    fails(test_maml_episodes.test_advantages_are_gae_within_each_episode)


def test_a_baseline_that_is_never_fitted_is_caught(monkeypatch):
    monkeypatch.setattr(LinearBaseline, "learn", lambda self, *_: None)
    fails(test_maml_episodes.test_the_baseline_is_ridge_regression_towards_that_of_all_tasks)


def test_robots_that_act_by_a_neighbours_policy_are_caught(robots, monkeypatch):
    call = GaussianMLP.__call__

    def rolled(self, parameters, observations):
        turned = parameters.roll(1, 0) if observations.shape[1] == 2 else parameters
        return call(self, turned, observations)

    monkeypatch.setattr(GaussianMLP, "__call__", rolled)
    fails(test_maml_episodes.test_robots_act_by_their_own_tasks_policy, robots)


def test_parameters_kept_between_trials_are_caught(maml, robots, monkeypatch):
    begin = MAML.begin

    def keep(self, num_tasks):
        old = self._trial.parameters
        begin(self, num_tasks)
        if len(old) == num_tasks:
            self._trial = replace(self._trial, parameters=old)

    monkeypatch.setattr(MAML, "begin", keep)
    fails(test_maml.test_a_new_trial_begins_with_the_meta_parameters, maml, robots)


def test_measured_episodes_that_adapt_are_caught(maml, robots, monkeypatch):
    act = MAML.act
    monkeypatch.setattr(
        MAML, "act", lambda self, observation, explore: act(self, observation, True)
    )
    fails(test_maml.test_measured_episodes_never_adapt, maml, robots)


def test_steps_after_the_end_that_count_are_caught(maml, reacher, monkeypatch):
    observe = MAML.observe

    def blind(self, transition):
        self._trial = replace(self._trial, ended=self._trial.ended & False)
        observe(self, transition)

    monkeypatch.setattr(MAML, "observe", blind)
    fails(test_maml.test_what_follows_the_end_of_an_episode_teaches_nothing, maml, reacher)


def test_a_normaliser_that_does_not_resume_is_caught(reacher, robots, monkeypatch):
    load = MAML.load_state

    def forgetful(self, state):
        scale = self._scale.state()
        load(self, state)
        self._scale.load_state(scale)

    monkeypatch.setattr(MAML, "load_state", forgetful)
    fails(test_maml.test_training_resumes_bit_for_bit, reacher, robots, "ppo")
