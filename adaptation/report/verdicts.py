"""Verdicts: what came out, in the first sentences of a page, a table or a command."""

from __future__ import annotations

from collections.abc import Sequence

from fastadapt.adaptation.evaluation.controls import is_control
from fastadapt.adaptation.evaluation.measured_tasks import HEALTHY
from fastadapt.adaptation.evaluation.online_results import OnlineResult
from fastadapt.adaptation.evaluation.paired import compare_agents
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.evaluation.splits_seen import early_notes
from fastadapt.adaptation.references.ceilings import said_above_one
from fastadapt.adaptation.references.scores import References
from fastadapt.adaptation.runs.run import Run
from fastadapt.adaptation.statistics.bootstrap import Interval
from fastadapt.adaptation.text_table import legend, shots_name

_FIRST = ("test_iid", "test_held_out_damage")
"""Splits that a verdict speaks of, where they were measured."""


def verdict(
    results: Result,
    online: Sequence[OnlineResult] = (),
    references: References | None = None,
    runs: Sequence[Run] = (),
) -> str:
    """Return what came out of an evaluation or a comparison, in a few sentences.

    Differences count only where their interval excludes 0.
    """
    sentences: list[str] = []
    for split in _splits(results):
        sentences += [*_leader(results, split), *_adaptation(results, split)]
    sentences += [sentence for result in online for sentence in _online(result)]
    if references is not None:
        sentences.append(said_above_one(references, results))
    sentences += early_notes(runs)
    text = " ".join(filter(None, dict.fromkeys(sentences)))  # each sentence once
    marks = legend([[word.rstrip(".,;)") for word in text.split()]])
    return f"{text} ({marks.rstrip('.')}.)" if marks else text


def gain_over_constant(results: Result, agent: str, split: str, shot: int) -> Interval | None:
    """Return an agent's return minus that of its constant context; None where not measured."""
    control = f"{agent}-constant-context"
    on = set(results.table["agent"][results.table["split"] == split].tolist())
    if control not in on:
        return None
    if shot not in results.shots(agent, split) or shot not in results.shots(control, split):
        return None
    return compare_agents(results, results, split, shot, (agent, control)).mean


def _splits(results: Result) -> list[str]:
    return [split for split in _FIRST if split in results.splits] or results.splits[:2]


def _measured(results: Result, split: str) -> list[str]:
    """Return the agents, without their controls, that were measured on a split."""
    on = set(results.table["agent"][results.table["split"] == split].tolist())
    own = [agent for agent in results.agents if agent in on]
    return [agent for agent in own if not is_control(agent)] or own


def _leader(results: Result, split: str) -> list[str]:
    """Return who is ahead of whom on a split; nothing for a single agent."""
    agents = _measured(results, split)
    if len(agents) < 2:
        return []
    shots = set.intersection(*(set(results.shots(agent, split)) for agent in agents))
    if not shots:
        return []
    shot = max(shots)
    mean = {agent: results.interval(agent, split, shot).point for agent in agents}
    best, *rest = sorted(agents, key=lambda agent: -mean[agent])
    lead = [
        (agent, compare_agents(results, results, split, shot, (best, agent)).mean) for agent in rest
    ]
    behind = [(agent, gap) for agent, gap in lead if gap.low > 0]
    level = [(agent, gap) for agent, gap in lead if not gap.low > 0]
    after = f"after {shots_name(shot)}" if shot else "before any shot"
    if not level:
        agent, gap = behind[0]
        others = "the other" if len(rest) == 1 else "all others"
        return [f"On {split}, {best} is ahead of {others} {after}, of {agent} by {gap}."]
    agent, gap = level[0]
    text = f"On {split}, {best} and {agent} cannot be told apart {after} (difference {gap})"
    return [f"{text}; {_many(len(behind))} behind." if behind else f"{text}."]


def _many(count: int) -> str:
    return "1 other agent is" if count == 1 else f"{count} other agents are"


def _adaptation(results: Result, split: str) -> list[str]:
    """Return what adaptation gains on a split, for each agent that was measured for it."""
    found: list[str] = []
    for agent in _measured(results, split):
        shot = results.shots(agent, split)[-1]
        gain = gain_over_constant(results, agent, split, shot)
        after = f"with {shots_name(shot)}" if shot else "without a shot"
        if gain is not None:
            over = "the same policy with a constant context"
            found.append(_gained(f"On {split}, {agent} {after}", gain, over))
            found.append(_on_healthy(results, agent, f"{agent}-constant-context"))
        elif shot and 0 in results.shots(agent, split) and not is_control(agent):
            gain = results.gain(agent, split, shot)
            if gain.low == gain.high == 0:
                found.append(f"On {split}, no shot changes {agent}.")
            else:
                found.append(_gained(f"On {split}, {agent} {after}", gain, "its own 0 shots") +
                             " No control says how much of that is about the task.")  # fmt: skip
    return found


def _on_healthy(results: Result, agent: str, control: str) -> str:
    """Return what agent and control score on the healthy robot, which needs no adaptation."""
    on = {
        who: results.shots(who, HEALTHY)
        for who in (agent, control)
        if ((results.table["agent"] == who) & (results.table["split"] == HEALTHY)).any()
    }
    if len(on) < 2:
        return ""
    own, other = (results.interval(who, HEALTHY, shots[-1]) for who, shots in on.items())
    text = f"On the healthy robot {agent} scores {_number(own.point)}, with a constant context"
    if other.high < own.low and other.point < own.point - 0.1 * abs(own.point):
        return f"{text} only {_number(other.point)}: the gain holds more than adaptation to damage."
    return f"{text} {_number(other.point)}."


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _gained(who: str, gain: Interval, over: str) -> str:
    if gain.low > 0:
        return f"{who} is {gain} better than {over}."
    if gain.high < 0:
        return f"{who} is worse than {over}: {gain}."
    return f"{who} is no better than {over}: {gain}."


def _online(result: OnlineResult) -> list[str]:
    """Return what was lost and regained within an episode."""
    found, counts = result.summary(), result.counts()
    struck = len(result.rows) - counts["not struck"]
    if not struck:
        return [f"No damage struck {result.agent} on {result.split}."]
    who = f"Struck while it runs on {result.split}, {result.agent}"
    timed = counts["recovered"] + counts["not recovered"]
    lost, share = found["lost"], found["share"]["end"]
    text = f"{who} loses {Interval.from_json(lost)} per control step at first" if lost else who
    if share:
        text += f" and regains {Interval.from_json(share)} of what can be had by the end"
    elif lost:
        text += "; there is no gap above the floor of which a share could be regained"
    if timed:
        return [f"{text}; {counts['recovered']} of {timed} robots recover."]
    return [f"{text}; {counts['nothing lost']} of {struck} robots lose nothing."]
