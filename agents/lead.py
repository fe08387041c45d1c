"""The lead agent: recall, plan, dispatch, wait, absorb, answer. The root agent is a lead; leads may nest."""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import interrupt

from agents import answering, findings, planning, prompt, survey
from agents.brief import InputFile
from agents.graph import Context, Graph, compiled
from core.errors import BudgetExhausted
from inference.model import Message
from memory.task_tree import SetStatus, SetValue


class LeadState(TypedDict, total=False):
    messages: Annotated[list[Message], operator.add]
    inputs: list[InputFile]
    notes: list[str]
    """What the survey left out, for the answer."""
    plan: list[planning.Subtask]
    absorbed: list[str]
    """Keys of the children whose returns are in the tree."""


async def prepare(state: LeadState, runtime: Context) -> LeadState:
    """Everything the plan rests on, gathered once and then frozen."""
    turn = runtime.context.turn
    agent = turn.agent
    inputs, notes = list(agent.brief.inputs), list[str]()
    parts = [prompt.goal_block(agent.brief)]
    if agent.is_root:
        surveyed = await survey.survey(turn)
        inputs, notes = list(surveyed.files), list(surveyed.notes)
        parts.append(prompt.recall_block(await turn.recall()))
    parts.append(prompt.brief_blocks(agent, inputs))
    return {
        "messages": [prompt.system("lead"), Message(role="user", content="\n\n".join(parts))],
        "inputs": inputs,
        "notes": notes,
        "absorbed": [],
    }


async def plan(state: LeadState, runtime: Context) -> LeadState:
    """Ask for the plan and write it into the task tree."""
    turn = runtime.context.turn
    asked = Message(role="user", content=planning.instruction(turn))
    messages = [*state.get("messages", []), asked]
    subtasks, said = await planning.ask(turn, messages, state.get("inputs", []))
    own = (await turn.tree()).get(turn.agent.node).key if turn.agent.node else None
    await turn.revise(planning.operations(turn.agent, subtasks, own))
    notes = [*state.get("notes", []), *planning.notes(turn.agent)]
    return {"messages": [asked, *said], "plan": subtasks, "notes": notes}


async def dispatch(state: LeadState, runtime: Context) -> LeadState:
    """Spawn a child for every step whose dependencies are done."""
    turn = runtime.context.turn
    children = planning.children(turn, await turn.tree(), state.get("plan", []), state.get("inputs", []))
    turn.spawn(children)
    return {}


async def wait(state: LeadState) -> LeadState:
    """Stands alone in its node, so that nothing is repeated when the agent comes back."""
    interrupt({"on": "children"})
    return {}


async def absorb(state: LeadState, runtime: Context) -> LeadState:
    """Put what came back into the tree: typed values only."""
    turn = runtime.context.turn
    known = set(state.get("absorbed", []))
    fresh = [child for child in await turn.returns() if child.key not in known]
    await turn.revise(
        [
            operation
            for child in fresh
            for operation in (
                SetStatus(node=child.key, status="done" if child.status == "done" else "failed"),
                SetValue(node=child.key, value=answering.digest(child)),
            )
        ]
    )
    return {"absorbed": [*known, *(child.key for child in fresh)]}


async def answer(state: LeadState, runtime: Context) -> LeadState:
    """The root answers the user; another lead selects what it returns."""
    turn = runtime.context.turn
    plan, messages = state.get("plan", []), state.get("messages", [])
    gathered = findings.gather(await turn.returns(), planning.titles(turn.agent, plan))
    if not turn.agent.is_root:
        await answering.select(turn, messages, gathered)
        return {}
    given = answering.Material(
        gathered=gathered,
        inputs=state.get("inputs", []),
        notes=state.get("notes", []),
        noun="agents" if any(step.split for step in plan) else "workers",
    )
    try:
        answered = await answering.answer(turn, messages, given)
    except BudgetExhausted as exhausted:
        if turn.agent.brief.output_schema is not None:
            raise
        answered = answering.partial(given, exhausted)
    turn.deliver(answered)
    return {}


async def after_absorb(state: LeadState, runtime: Context) -> Literal["dispatch", "answer"]:
    turn = runtime.context.turn
    more = planning.ready(turn.agent, await turn.tree(), state.get("plan", []))
    return "dispatch" if more else "answer"


def lead_graph(checkpointer: BaseCheckpointSaver[Any]) -> Graph:
    return compiled(
        "lead",
        LeadState,
        path=[
            ("prepare", prepare),
            ("plan", plan),
            ("dispatch", dispatch),
            ("wait", wait),
            ("absorb", absorb),
            ("answer", answer),
        ],
        branches={"absorb": after_absorb},
        checkpointer=checkpointer,
    )
