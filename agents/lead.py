"""The lead agent: recall, plan, dispatch, wait, absorb, steer, answer. The root is a lead; leads may nest."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import interrupt
from pydantic import JsonValue

from agents import answering, findings, outcomes, planning, prompt, saying, sharing, steering, survey
from agents.brief import InputFile
from agents.graph import Context, Graph, compiled
from agents.ports import Refusal, Told, Turn
from core.errors import AgentFailed, BudgetExhausted, ModelOutputInvalid
from inference.model import Message
from memory.task_tree import Diff, read_reply


class LeadState(TypedDict, total=False):
    messages: Annotated[list[Message], operator.add]
    inputs: list[InputFile]
    notes: list[str]
    """What the survey left out, for the answer."""
    plan: list[planning.Subtask]
    said: dict[str, list[str]]
    """What the user said of steps while they were planned or at work, by their keys."""
    earlier: dict[str, list[steering.Earlier]]
    """What steps were before they were asked anew, by their keys."""
    steering: list[dict[str, JsonValue]]
    """What the user said that took effect, as the prompt has it."""
    told: list[Told]
    """Said, and not yet considered."""
    answered: bool
    """Whether this turn has something to give, and nothing has changed since."""
    exchange: list[Message]
    """How the model came to it, which the prompt keeps where more is said."""


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
    """Spawn a child for every step whose dependencies are done, and whose work nobody has or does."""
    turn = runtime.context.turn
    plan, tree = state.get("plan", []), await turn.tree()
    leftovers = planning.leftovers(turn.agent, tree, plan)
    if leftovers:
        await turn.revise(leftovers)
        tree = await turn.tree()
    said = state.get("said", {})
    shares = sharing.standing(turn.agent, tree, plan, said)
    if shares:
        await turn.revise(shares)
        tree = await turn.tree()
    groups = sharing.groups(turn.agent, tree, plan, said)
    if not groups and not shares:
        raise AgentFailed("no step of the plan can run", code="plan_stuck")
    turn.spawn(planning.children(turn, tree, plan, state.get("inputs", []), said, groups))
    return {}


async def wait(state: LeadState) -> LeadState:
    """Stands alone in its node, so that nothing is repeated when the agent comes back."""
    interrupt({"on": "children"})
    return {}


async def absorb(state: LeadState, runtime: Context) -> LeadState:
    """Put what came back into the tree: typed values only."""
    turn = runtime.context.turn
    told = await turn.news()
    room = turn.agent.grant.budget.fanout - turn.agent.spawned
    operations = outcomes.outcomes(await turn.tree(), await turn.returns(), room=room)
    if operations:
        await turn.revise(operations)
    return {"told": list(told)}


async def steer(state: LeadState, runtime: Context) -> LeadState:
    """Do as the user said, in the order in which it was said."""
    turn = runtime.context.turn
    after: LeadState = {**state, "messages": state.get("exchange", []), "exchange": []}
    for told in state.get("told", []):
        if told.kind == "ask":
            spoken = await _reply(turn, state, after, told)
        elif told.kind == "say":
            spoken = await _understand(turn, state, after, told)
        else:
            spoken = await _change(turn, after, told)
        after["messages"] = [*after.get("messages", []), *spoken]
    return {**after, "told": []}


async def _change(turn: Turn, after: LeadState, told: Told) -> list[Message]:
    """Change plan and tree as one message says; returns what that adds to the prompt."""
    if told.state == "refused":
        return []
    wanted = steering.change(turn.agent, await turn.tree(), _steps(after), told)
    return await _apply(turn, after, told, wanted)


async def _understand(turn: Turn, state: LeadState, after: LeadState, told: Told) -> list[Message]:
    """Change plan and tree as the model understands a message; where it is not clear, ask back."""
    messages = [*state.get("messages", []), *after.get("messages", [])]
    tree, steps = await turn.tree(), _steps(after)
    request, shown = saying.plan_request(messages, turn.agent, tree, steps, told)
    reply = await turn.understand(told, request)
    if reply is None:
        return []
    exchange = [request.messages[-1], Message(role="assistant", content=reply.content)]
    try:
        read = read_reply(reply.output, shown.keys, shown.gone_keys)
    except ModelOutputInvalid as invalid:
        await turn.refuse(told, Refusal(code=invalid.code, message=invalid.message))
        return []
    if read.needs_clarification or not read.changes:
        await turn.say(told, saying.answer(tree, read, shown))
        return exchange
    wanted = saying.change(turn.agent, tree, steps, told, read)
    applied = await _apply(turn, after, told, wanted, partial(saying.answer, tree, read, shown))
    return [*exchange, *applied] if applied else []


async def _apply(
    turn: Turn,
    after: LeadState,
    told: Told,
    wanted: steering.Change | Refusal,
    reply: Callable[[Diff], str] | None = None,
) -> list[Message]:
    """Carry a change out, where there is room for it; returns what it adds to the prompt."""
    if told.state == "taken" and isinstance(wanted, steering.Change):
        wanted = steering.no_room(turn, wanted.again) or wanted
    if isinstance(wanted, Refusal):
        await turn.refuse(told, wanted)
        return []
    if await turn.steer(told, wanted.operations, stops=wanted.stops, reply=reply) is not None:
        return []
    after["plan"] = list(wanted.steps.plan)
    after["said"] = {key: list(words) for key, words in wanted.steps.said.items()}
    after["earlier"] = {key: list(forms) for key, forms in wanted.steps.earlier.items()}
    after["steering"] = [*after.get("steering", []), dict(wanted.note or steering.note(told, wanted.key))]
    after["answered"] = False
    return [prompt.steering_message(after["steering"])]


def _steps(state: LeadState) -> steering.Steps:
    return steering.Steps(
        plan=state.get("plan", []),
        said=state.get("said", {}),
        inputs=state.get("inputs", []),
        earlier=state.get("earlier", {}),
        notes=state.get("steering", []),
    )


async def _reply(turn: Turn, state: LeadState, after: LeadState, told: Told) -> list[Message]:
    """Answer a question about the work; nothing else changes."""
    plan, tree = after.get("plan", []), await turn.tree()
    request = steering.reply_request(
        [*state.get("messages", []), *after.get("messages", [])],
        told,
        tree,
        planning.keys(turn.agent, plan),
        findings.gather(outcomes.ended(tree, await turn.returns()), planning.titles(turn.agent, plan)),
    )
    reply = await turn.reply(told, request)
    if reply is None:
        return []
    return [request.messages[-1], Message(role="assistant", content=reply.content)]


async def answer(state: LeadState, runtime: Context) -> LeadState:
    """The root answers the user; another lead selects what it returns."""
    turn = runtime.context.turn
    plan, messages = state.get("plan", []), state.get("messages", [])
    returns = outcomes.ended(await turn.tree(), await turn.returns())
    gathered = findings.gather(returns, planning.titles(turn.agent, plan))
    if not turn.agent.is_root:
        return {"answered": True, "exchange": await answering.select(turn, messages, gathered)}
    given = answering.Material(
        gathered=gathered,
        inputs=state.get("inputs", []),
        notes=state.get("notes", []),
        noun="agents" if any(step.split for step in plan) else "workers",
    )
    try:
        answered, exchange = await answering.answer(turn, messages, given)
    except BudgetExhausted as exhausted:
        if turn.agent.brief.output_schema is not None:
            raise
        answered, exchange = answering.partial(given, exhausted), []
    turn.deliver(answered)
    return {"answered": True, "exchange": exchange}


async def listen(state: LeadState, runtime: Context) -> LeadState:
    """What was said while the answer was made is considered before it is given.

    Nothing is asked after it: a repeated turn may hear more here than the first one did.
    """
    return {"told": list(await runtime.context.turn.heard())}


async def after_absorb(
    state: LeadState, runtime: Context
) -> Literal["steer", "dispatch", "wait", "answer", "__end__"]:
    return "steer" if state.get("told") else await onward(state, runtime)


async def onward(state: LeadState, runtime: Context) -> Literal["dispatch", "wait", "answer", "__end__"]:
    turn = runtime.context.turn
    plan, tree = state.get("plan", []), await turn.tree()
    if planning.ready(turn.agent, tree, plan):
        return "dispatch"
    if planning.running(turn.agent, tree, plan):
        return "wait"
    return "__end__" if state.get("answered") else "answer"


async def after_listen(state: LeadState) -> Literal["steer", "__end__"]:
    return "steer" if state.get("told") else "__end__"


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
            ("steer", steer),
            ("answer", answer),
            ("listen", listen),
        ],
        branches={"absorb": after_absorb, "steer": onward, "listen": after_listen},
        checkpointer=checkpointer,
    )
