"""The same work is done once: steps of a plan that ask the same of the same files share one child.

What makes steps the same is a key over all that their children would be told and granted. A step shares with
one that is at work, or is done whole; one that failed, or was cut short, is not shared: the others try again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import orjson

from agents import planning
from agents.planning import Subtask
from agents.ports import AgentFacts
from memory.task_tree import Node, Operation, Share, Tree

Said = Mapping[str, Sequence[str]]


def work_key(agent: AgentFacts, plan: Sequence[Subtask], said: Said, number: int) -> str:
    """The same for steps whose children would be told and granted the same.

    The rest of what a child gets (files, capabilities, schema, path) follows from this and from its lead.
    """
    step = plan[number - 1]
    parts = {
        "question": step.question,
        "inputs": sorted(set(step.inputs)),
        "split": step.split,
        "after": sorted(set(step.after)),
        "said": list(said.get(planning.key(agent, number), ())),
    }
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def groups(agent: AgentFacts, tree: Tree, plan: Sequence[Subtask], said: Said) -> list[list[int]]:
    """The steps that can run now, by number, those of the same work together."""
    alike: dict[str, list[int]] = {}
    for number in planning.ready(agent, tree, plan):
        alike.setdefault(work_key(agent, plan, said, number), []).append(number)
    return list(alike.values())


def standing(agent: AgentFacts, tree: Tree, plan: Sequence[Subtask], said: Said) -> list[Operation]:
    """Shares for steps that could run now, where another one of the plan has their work or is at it."""
    found: list[Operation] = []
    at_hand = {
        work_key(agent, plan, said, number): number
        for number in range(len(plan), 0, -1)
        if _shareable(tree.find(planning.key(agent, number)))
    }
    for number in planning.ready(agent, tree, plan):
        source = at_hand.get(work_key(agent, plan, said, number))
        if source is not None:
            found.append(Share(node=planning.key(agent, number), source=planning.key(agent, source)))
    return found


def _shareable(node: Node | None) -> bool:
    """At work, or done and not cut short; a step that shares itself is not shared from."""
    if node is None or node.shares is not None:
        return False
    partial = isinstance(node.value, dict) and node.value.get("status") == "partial"
    return node.status == "running" or (node.status == "done" and not partial)
