"""The agents under assets/agents still do what the tables say of them."""

from pathlib import Path

import pytest

from fastadapt.adaptation import evaluate, load_run
from fastadapt.adaptation.paired import paired_difference

AGENTS = sorted((Path(__file__).parents[2] / "assets" / "agents").iterdir())


@pytest.mark.parametrize("path", AGENTS, ids=lambda path: path.name)
def test_shots_pay_and_no_other_tasks_shots_do_as_well(path):
    run = load_run(path)
    split = "test_iid"
    own, others = (
        evaluate(run.agent(exchanged=other), run.task_set, split, (0, 5), 1, num_threads=1)
        for other in (False, True)
    )
    name = run.config.agent
    before, after = (own.task_means(name, split, shot)[1] for shot in (0, 5))
    exchanged = others.task_means(f"{name}-exchanged", split, 5)[1]
    assert paired_difference(after, before).low > 0
    assert paired_difference(after, exchanged).low > 0
