"""The agents under assets/agents still do what the tables say of them."""

from pathlib import Path

import pytest

from fastadapt.adaptation import evaluate, load_run
from fastadapt.adaptation.evaluation.controls import controlled
from fastadapt.adaptation.references.scores import find_references
from fastadapt.adaptation.statistics.paired import paired_difference

AGENTS = sorted((Path(__file__).parents[2] / "assets" / "agents").iterdir())
OVER_SHOTS = [p for p in AGENTS if not p.name.startswith("rl2")]  # it is done within an episode
HOME = AGENTS[0].parent


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("maml-reacher-damage", "test_iid"),
        ("pearl-reacher-damage", "test_iid"),
        ("pearl-cheetah-damage-encoders", "test_iid"),
        ("pearl-cheetah-damage-encoders", "test_held_out_damage"),
        ("rl2-cheetah-damage-encoders", "test_iid"),
        ("rl2-cheetah-damage-encoders", "test_held_out_damage"),
    ],
)
@pytest.mark.slow
def test_adapting_beats_being_robust(name, split):
    run = load_run(HOME / name)
    references = find_references(run.config.task_set, run.task_set.hash)
    assert references is not None
    result = evaluate(run.agent(), run.task_set, split, (5,), 1, num_threads=1)
    tasks, adapted = result.task_means(run.config.agent, split, 5)
    randomised = references.of("domain-randomised", split, tasks)
    assert paired_difference(adapted, randomised).low > 0


@pytest.mark.parametrize("path", OVER_SHOTS, ids=lambda path: path.name)
@pytest.mark.slow
def test_shots_pay_and_no_other_tasks_shots_do_as_well(path):
    run = load_run(path)
    split = "test_iid"
    own, others = (
        evaluate(controlled(run, ablate), run.task_set, split, (0, 5), 1, num_threads=1)
        for ablate in (None, "swapped-context")
    )
    name = run.config.agent
    before, after = (own.task_means(name, split, shot)[1] for shot in (0, 5))
    swapped = others.task_means(f"{name}-exchanged", split, 5)[1]
    assert paired_difference(after, before).low > 0
    assert paired_difference(after, swapped).low > 0
