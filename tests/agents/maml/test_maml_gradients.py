"""MAML's derivatives: against finite differences, dense matrices and each other, in float64."""

import math
from dataclasses import replace

import pytest
import torch

from fastadapt.agents.maml.config import InnerConfig, OuterConfig
from fastadapt.agents.maml.inner import Experience, inner_loss
from fastadapt.agents.maml.outer import (
    Fisher,
    MetaParameters,
    MetaProblem,
    meta_gradient,
    surrogate,
    trust_region_update,
)
from fastadapt.agents.nn.gaussian_mlp import Gaussian, GaussianMLP, kl_divergence
from fastadapt.agents.optim.trust_region import solve

TASKS, STEPS, SEEN, ACTIONS, WIDTH = 3, 12, 2, 2, 4


pytestmark = pytest.mark.usefixtures("in_double_precision")


def toy_experience(policy, parameters, generator):
    """Random states and advantages, actions sampled from the policies."""
    observations = torch.randn(TASKS, STEPS, SEEN, generator=generator)
    found = policy(parameters, observations)
    noise = torch.randn(TASKS, STEPS, ACTIONS, generator=generator)
    actions = found.mean + found.log_std.exp() * noise
    advantages = torch.randn(TASKS, STEPS, generator=generator)
    weights = torch.full((TASKS, STEPS), 1 / STEPS)
    transitions = torch.randn(TASKS, STEPS, 2 * SEEN + 2 * ACTIONS + 1, generator=generator)
    return Experience(
        observations,
        actions,
        advantages,
        advantages + 0.5 * torch.randn(TASKS, STEPS, generator=generator),
        transitions,
        weights,
        found.detach(),
        found.log_prob(actions).detach(),
    )


def toy_problem(steps=1, seed=0, counted="all", signal="advantages", **inner):
    """A problem whose experiences were sampled along the inner steps, and its meta-parameters."""
    generator = torch.Generator().manual_seed(seed)
    config = InnerConfig(steps=steps, learning_rate=0.3, rate_speed=1.0, signal=signal, **inner)
    policy = GaussianMLP(SEEN, ACTIONS, WIDTH)
    parts = MetaParameters(policy, config)
    meta = parts.initial(-0.5, generator)
    spread = torch.full_like(meta, 0.3)
    if parts.signal:
        spread[-parts.signal.size :] = 0.02
    meta = meta + spread * torch.randn(len(meta), generator=generator)
    stage = parts.parameters(meta).expand(TASKS, -1)
    experiences = []
    for _ in range(steps + 1):
        experiences.append(toy_experience(policy, stage, generator))
        stage = parts.adapt(meta, stage, experiences[-1:], None).stages[-1].detach()
    return MetaProblem(parts, experiences, counted), meta


def value(problem, meta):
    """The surrogate written once more, with no derivative in it but the inner gradients."""
    parts, total = problem.parts, 0.0
    for task in range(TASKS):
        mine, gains = parts.parameters(meta)[None], []
        for k, lived in enumerate(problem.experiences):
            here = lived.tasks(slice(task, task + 1))
            if k in problem.counting():
                log_probs = problem.policy(mine, here.observations).log_prob(here.actions)
                ratio = (log_probs - here.log_probs).exp()
                gains.append((ratio * here.advantages).mean().item())
            leaf = mine.detach().requires_grad_()
            signal = here.signal
            if parts.signal:
                learned = meta[-parts.signal.size :]
                noise = (here.actions - here.policy.mean) / here.policy.log_std.exp()
                signal = parts.signal(learned, signal, here.transitions, noise)
            if problem.inner.unit == "noise":
                signal = signal * here.policy.log_std.mean().exp() ** 2
            loss = inner_loss(problem.policy, leaf, here, problem.inner.objective, signal).sum()
            mine = (leaf - parts.rates(meta) * torch.autograd.grad(loss, leaf)[0]).detach()
        total += sum(gains) / len(gains)
    return total / TASKS


def test_a_step_in_units_of_noise_moves_a_quiet_policy_by_the_same_share_of_its_noise():
    problem, meta = toy_problem(learned_rates=False)
    policy, lived = problem.policy, problem.experiences[0]
    shares = {}
    for unit in ("noise", "parameters"):
        parts = MetaParameters(policy, replace(problem.inner, unit=unit))
        for quiet in (0.0, -2.0):  # the same policies, the same luck, less noise
            start = parts.parameters(meta).repeat(TASKS, 1)
            start[:, -ACTIONS:] = quiet
            found = policy(start, lived.observations)
            actions = found.mean + found.log_std.exp() * lived.noise()
            log_probs = found.log_prob(actions)
            same = replace(lived, actions=actions, policy=found, log_probs=log_probs)
            after = parts.adapt(meta, start, [same], None).stages[-1]
            step = (after - start)[:, -2 * ACTIONS : -ACTIONS]  # biases of the means
            shares[unit, quiet] = step * torch.exp(torch.tensor(-quiet))
    torch.testing.assert_close(shares["noise", -2.0], shares["noise", 0.0])
    ratio = shares["parameters", -2.0] / shares["parameters", 0.0]
    torch.testing.assert_close(ratio, torch.full_like(ratio, math.exp(4.0)))


def by_differences(problem, meta, step=1e-5):
    gradient = torch.zeros_like(meta)
    for i in range(len(meta)):
        shift = torch.zeros_like(meta)
        shift[i] = step
        gradient[i] = (value(problem, meta + shift) - value(problem, meta - shift)) / (2 * step)
    return gradient


def error(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


def gradient_of(problem, meta):
    return meta_gradient(meta.clone().requires_grad_(), problem)


@pytest.mark.parametrize("learned_rates", [False, True])
@pytest.mark.parametrize("objective", ["likelihood-ratio", "log-likelihood"])
@pytest.mark.parametrize("steps", [1, 3])
def test_the_meta_gradient_equals_central_differences(steps, objective, learned_rates):
    problem, meta = toy_problem(steps, objective=objective, learned_rates=learned_rates)
    assert error(gradient_of(problem, meta), by_differences(problem, meta)) < 1e-5


@pytest.mark.parametrize("steps", [1, 3])
def test_the_meta_gradient_reaches_a_learned_signal(steps):
    """Its network is too large for every coordinate: along directions within each part of it."""
    problem, meta = toy_problem(steps, signal="learned", learned_rates=True)
    found = gradient_of(problem, meta)
    size, generator = problem.parts.signal.size, torch.Generator().manual_seed(0)
    for part in (slice(0, -size), slice(-size, -size + 200), slice(-100, None)):
        direction = torch.zeros_like(meta)
        direction[part] = torch.randn(len(meta[part]), generator=generator)
        ahead, behind = (value(problem, meta + s * 1e-5 * direction) for s in (1, -1))
        assert (ahead - behind) / 2e-5 == pytest.approx((found @ direction).item(), rel=1e-5)


@pytest.mark.parametrize("counted", ["adapted", "last"])
def test_fewer_stages_can_count(counted):
    problem, meta = toy_problem(3, counted=counted)
    assert error(gradient_of(problem, meta), by_differences(problem, meta)) < 1e-5


@pytest.mark.parametrize("steps", [1, 3])
def test_first_order_is_another_gradient(steps):
    problem, meta = toy_problem(steps)
    first, _ = toy_problem(steps, order="first")
    found = gradient_of(first, meta)
    assert torch.isfinite(found).all()
    assert error(found, gradient_of(problem, meta)) > 0.01


def test_the_two_inner_objectives_differ_in_curvature_alone():
    (ratio, meta), (plain, _) = (
        toy_problem(objective=o) for o in ("likelihood-ratio", "log-likelihood")
    )
    chains = [problem.adapt(meta, "first") for problem in (ratio, plain)]
    assert error(chains[0].gradients[0], chains[1].gradients[0]) < 1e-12
    assert error(gradient_of(ratio, meta), gradient_of(plain, meta)) > 0.01


def test_gradients_reach_the_initial_parameters_through_the_adapted_ones():
    problem, meta = toy_problem(learned_rates=False)
    leaf = meta.clone().requires_grad_()
    adapted = problem.adapt(leaf, "second").stages[-1]
    jacobian = torch.autograd.functional.jacobian(
        lambda m: problem.adapt(m, "second").stages[-1][0], meta
    )
    assert not torch.allclose(jacobian, torch.eye(len(meta)), atol=1e-3)
    assert torch.autograd.grad(adapted.sum(), leaf)[0].abs().min() > 0


def test_the_noise_is_adapted_task_by_task():
    problem, meta = toy_problem()
    stages = problem.adapt(meta, None).stages
    before, after = (stage[:, -ACTIONS:] for stage in stages)
    assert (before != after).all()
    assert (after[0] != after[1]).all()


def test_tasks_do_not_see_each_other():
    problem, meta = toy_problem(3)
    together = problem.adapt(meta, None).stages[-1]
    for task in range(TASKS):
        alone = problem.tasks(slice(task, task + 1)).adapt(meta, None).stages[-1]
        assert torch.allclose(alone[0], together[task], atol=1e-12)


@pytest.mark.parametrize("learned_rates", [False, True])
@pytest.mark.parametrize("steps", [1, 3])
def test_fisher_products_equal_the_hessian_of_the_divergence(steps, learned_rates):
    problem, meta = toy_problem(steps, learned_rates=learned_rates)

    def apart(tried):
        stages = problem.adapt(tried, "second").stages
        total = torch.zeros(())
        for k in problem.counting():
            lived = problem.experiences[k]
            policy = problem.policy(stages[k], lived.observations)
            total = total + (kl_divergence(lived.policy, policy) * lived.weights).sum(-1).mean()
        return total / len(problem.counting())

    hessian = torch.autograd.functional.hessian(apart, meta)
    fisher = Fisher(meta, problem)
    dense = torch.stack([fisher(row) for row in torch.eye(len(meta))])
    assert error(dense, hessian) < 1e-6
    assert error(dense, dense.T) < 1e-10


def test_conjugate_gradients_solve_what_a_dense_solve_does():
    problem, meta = toy_problem()
    fisher = Fisher(meta, problem)
    damped = torch.stack([fisher(row) for row in torch.eye(len(meta))]) + 0.01 * torch.eye(
        len(meta)
    )
    target = gradient_of(problem, meta)
    found = solve(lambda v: fisher(v) + 0.01 * v, target, 200, 1e-20)
    assert error(found, torch.linalg.solve(damped, target)) < 1e-6


@pytest.mark.parametrize("order", ["first", "second"])
def test_a_trust_region_step_keeps_its_limit_and_never_worsens(order):
    for seed in range(5):
        problem, meta = toy_problem(2, seed, order=order)
        config = OuterConfig(method="trpo", kl_limit=0.01, fisher_stride=2)
        after, metrics = trust_region_update(meta, problem, config)
        assert value(problem, after) > value(problem, meta)
        assert metrics["outer_kl"] <= 0.01
        assert metrics["surrogate_gain"] == pytest.approx(
            value(problem, after) - value(problem, meta), rel=1e-6
        )


def test_a_step_that_would_worsen_is_not_taken():
    problem, meta = toy_problem()
    flat = [replace(lived, advantages=0 * lived.advantages) for lived in problem.experiences]
    problem = replace(problem, experiences=flat)
    after, metrics = trust_region_update(meta, problem, OuterConfig(method="trpo"))
    assert torch.equal(after, meta)
    assert metrics["step_taken"] == 0


def test_the_surrogate_is_clipped_where_the_ratio_has_gone_far():
    problem, _ = toy_problem()
    lived = problem.experiences[0].tasks(slice(0, 1))
    far = Gaussian(lived.policy.mean + 1.0, lived.policy.log_std)
    ratio = (far.log_prob(lived.actions) - lived.log_probs).exp()
    expected = torch.where(
        lived.advantages > 0,
        torch.minimum(ratio, torch.tensor(1.2)) * lived.advantages,
        torch.maximum(ratio, torch.tensor(0.8)) * lived.advantages,
    )
    assert surrogate(lived, far, 0.2).item() == pytest.approx(expected.mean().item())
    assert surrogate(lived, lived.policy, 0.2).item() == pytest.approx(
        lived.advantages.mean().item()
    )


def test_divergence_equals_that_of_torch():
    from torch.distributions import Normal
    from torch.distributions import kl_divergence as kl_of_torch

    (problem, _), (other, _) = toy_problem(seed=0), toy_problem(seed=1)
    old, new = problem.experiences[0].policy, other.experiences[0].policy
    expected = kl_of_torch(
        Normal(old.mean, old.log_std.exp()), Normal(new.mean, new.log_std.exp())
    ).sum(-1)
    assert torch.allclose(kl_divergence(old, new), expected)
