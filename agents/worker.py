"""The worker agent: read with tools, then return. Its graph runs on its own thread (AgentSys)."""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver

from agents import prompt
from agents.graph import Context, Graph, compiled
from agents.ports import ReturnRefused, Turn
from agents.structure import for_node
from core.errors import AgentFailed, BudgetExhausted
from inference.model import Message, ModelReply, ModelRequest

MAX_CALLS_AT_ONCE = 8
"""Tool calls run from one model reply; the model is told of those that were left out."""

_RETURN = "Now give your return: one JSON object as described, and nothing else."
_REPAIR = (
    "Your return was refused: {code} at {where}. Every quote must be copied exactly from the file, "
    "every file must be one you were given, and no field may be added. Give the corrected JSON object "
    "and nothing else."
)


class WorkerState(TypedDict, total=False):
    messages: Annotated[list[Message], operator.add]
    asked: int
    """Model calls made so far."""
    offered: int
    """Returns shown to the gate so far."""


async def brief(state: WorkerState, runtime: Context) -> WorkerState:
    turn = runtime.context.turn
    agent = turn.agent
    opening = "\n\n".join([prompt.goal_block(agent.brief), prompt.brief_blocks(agent)])
    return {
        "messages": [prompt.system("worker"), Message(role="user", content=opening)],
        "asked": 0,
        "offered": 0,
    }


async def act(state: WorkerState, runtime: Context) -> WorkerState:
    """Ask what to do next; the last call the grant allows may not ask for tools any more."""
    turn = runtime.context.turn
    asked = state.get("asked", 0) + 1
    if asked >= turn.agent.grant.budget.turns:
        return {"messages": [], "asked": asked}
    reply = await turn.model(_request(turn, state, kind="act"))
    return {"messages": [_assistant(reply)], "asked": asked}


async def use_tools(state: WorkerState, runtime: Context) -> WorkerState:
    calls = _last(state).tool_calls
    answers: list[Message] = []
    for index, call in enumerate(calls):
        if index < MAX_CALLS_AT_ONCE:
            content = (await runtime.context.turn.tool(call)).content
        else:
            content = f"not run: at most {MAX_CALLS_AT_ONCE} calls at once"
        answers.append(Message(role="tool", content=content, tool_call_id=call.id))
    return {"messages": answers}


async def give(state: WorkerState, runtime: Context) -> WorkerState:
    """Show the gate what the model said; if it is no return yet, ask for one, and once more if refused."""
    turn = runtime.context.turn
    last = _last(state)
    added: list[Message] = []
    refused: ReturnRefused | None = None
    if last.role == "assistant" and last.content.lstrip().startswith("{"):
        offered = await turn.offer(last.content)
        if not isinstance(offered, ReturnRefused):
            return {"messages": []}
        refused = offered
    for _ in range(2):
        added.append(Message(role="user", content=_asking(refused)))
        reply = await turn.model(_request(turn, state, kind="return", added=added))
        added.append(_assistant(reply))
        offered = await turn.offer(reply.content)
        if not isinstance(offered, ReturnRefused):
            return {"messages": added}
        refused = offered
    raise AgentFailed(f"its return was refused: {refused.code if refused else ''}", code="gate_refused")


def after_act(state: WorkerState) -> Literal["use_tools", "give"]:
    return "use_tools" if _last(state).tool_calls else "give"


def back_to_act(state: WorkerState) -> Literal["act"]:
    return "act"


def _asking(refused: ReturnRefused | None) -> str:
    if refused is None:
        return _RETURN
    return _REPAIR.format(code=refused.code, where=refused.where or "the top")


def _request(
    turn: Turn, state: WorkerState, *, kind: Literal["act", "return"], added: list[Message] | None = None
) -> ModelRequest:
    """The tools stay in every request, so that the shared prefix does too."""
    schema = turn.agent.return_schema
    if schema is None:
        raise AgentFailed("a worker needs a return schema")
    if state.get("asked", 0) > turn.agent.grant.budget.turns + 2:
        raise BudgetExhausted("turns")
    tools = prompt.definitions(turn.tool_specs())
    returning = kind == "return"
    return ModelRequest(
        kind=kind,
        messages=(*state.get("messages", []), *(added or [])),
        tools=tools,
        tool_choice=("none" if returning else "auto") if tools else None,
        output_schema=for_node(schema) if returning else None,
        output_name="findings",
    )


def _assistant(reply: ModelReply) -> Message:
    return Message(role="assistant", content=reply.content, tool_calls=reply.tool_calls)


def _last(state: WorkerState) -> Message:
    return state.get("messages", [])[-1]


def worker_graph(checkpointer: BaseCheckpointSaver[Any]) -> Graph:
    return compiled(
        "worker",
        WorkerState,
        path=[("brief", brief), ("act", act), ("use_tools", use_tools), ("give", give)],
        branches={"act": after_act, "use_tools": back_to_act},
        checkpointer=checkpointer,
    )
