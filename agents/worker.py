"""The worker agent: read with tools, then return. Its graph runs on its own thread (AgentSys)."""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from pydantic import JsonValue

from agents import chance, progress, prompt, window
from agents.graph import Context, Graph, compiled
from agents.ports import ReturnRefused, Turn
from core.errors import AgentFailed, BudgetExhausted, BudgetLimit, ModelOutputInvalid
from core.grant import UNITS
from core.schema import for_node
from inference.estimate import prompt_tokens
from inference.model import Message, ModelReply, ModelRequest, ToolDefinition
from inference.structure import OutputProblem, parse_strict

MAX_CALLS_AT_ONCE = 8
"""Tool calls run from one model reply; the model is told of those that were left out."""

ACT_TOKENS = 1024
RETURN_TOKENS = 2048
"""Room for a full return: eight findings with long quotes."""

_TOO_MANY = f"{progress.NOT_RUN}at most {MAX_CALLS_AT_ONCE} calls at once"
_NO_MORE = f"{progress.NOT_RUN}the limit is reached"

_RETURN = "Give your return now: the JSON object described at the beginning, and nothing else. Call no tools."
_REPAIR = "Your return was refused: {fault}. Give the corrected JSON object, and nothing else."
_FAULTS = {
    "quote_not_found": (
        "the quote at {where} is not in its file. Copy it from a tool result, character for character and "
        "without the line number, or leave that finding out"
    ),
    "forbidden_characters": "{where} may hold only letters, digits and _ . : / -",
    "schema_mismatch": (
        "{where} does not fit. Use only the fields described, and only files you were given, by their path"
    ),
}
_UNUSABLE = "it must be one JSON object of a reasonable size"


class Cut(TypedDict):
    limit: BudgetLimit
    why: str


class WorkerState(TypedDict, total=False):
    messages: Annotated[list[Message], operator.add]
    asked: int
    """Model calls made so far."""
    cut: Cut
    """Set where a limit ended the work: what is there is returned as partial."""


async def brief(state: WorkerState, runtime: Context) -> WorkerState:
    turn = runtime.context.turn
    agent = turn.agent
    opening = "\n\n".join([prompt.goal_block(agent.brief), prompt.brief_blocks(agent)])
    return {
        "messages": [prompt.system("worker"), Message(role="user", content=opening)],
        "asked": 0,
    }


async def act(state: WorkerState, runtime: Context) -> WorkerState:
    """Ask what to do next, unless a limit is reached: then the return is asked for, from what was read.

    Of the grant it keeps back what that costs. A reply that cannot be used, such as one without end, counts
    as none: the return is asked for instead.
    """
    turn, messages = runtime.context.turn, state.get("messages", [])
    asked = state.get("asked", 0) + 1
    most = turn.agent.grant.budget.model_calls
    if asked >= most:
        why = f"all but the last of its {most} model calls are made"
        return {"asked": asked, "cut": Cut(limit="model_calls", why=why)}
    if why := progress.circling(messages):
        return {"asked": asked, "cut": Cut(limit="loop", why=why)}
    try:
        reply = await _next_step(runtime, state)
    except ModelOutputInvalid:
        return {"asked": asked}
    except BudgetExhausted as exhausted:
        if not chance.has_read(messages):
            raise
        return {"asked": asked, "cut": Cut(limit=exhausted.limit, why=exhausted.message)}
    return {"messages": [_assistant(reply)], "asked": asked}


async def _next_step(runtime: Context, state: WorkerState) -> ModelReply:
    """A grant too small to keep a return back may still do for the first step and, with luck, for both."""
    turn, messages = runtime.context.turn, state.get("messages", [])
    request, keep = _request(_desk(runtime), state, kind="act"), chance.cost(turn.agent, messages)
    try:
        return await turn.model(request, keep=keep)
    except BudgetExhausted as exhausted:
        if chance.has_read(messages) or exhausted.limit not in UNITS:
            raise
    return await turn.model(request)


async def use_tools(state: WorkerState, runtime: Context) -> WorkerState:
    """Run what was asked for; a call that was answered before is not made again, for its result is there."""
    messages, room = state.get("messages", []), _desk(runtime).room
    answered = progress.answered(window.fitted(messages[:-1], room))
    calls = messages[-1].tool_calls
    contents: list[str] = []
    cut: Cut | None = None
    for index, call in enumerate(calls):
        if cut is not None:
            content = _NO_MORE
        elif index >= MAX_CALLS_AT_ONCE:
            content = _TOO_MANY
        elif (call.name, call.arguments) in answered:
            content = progress.AGAIN
        else:
            try:
                outcome = await runtime.context.turn.tool(call)
            except BudgetExhausted as exhausted:
                cut, content = Cut(limit=exhausted.limit, why=exhausted.message), _NO_MORE
            else:
                content = outcome.content
                if outcome.ok:
                    answered.add((call.name, call.arguments))
        contents.append(content)
    told: WorkerState = {
        "messages": [
            Message(role="tool", content=content, tool_call_id=call.id)
            for call, content in zip(calls, window.shared(contents, room), strict=True)
        ]
    }
    return told if cut is None else {**told, "cut": cut}


async def give(state: WorkerState, runtime: Context) -> WorkerState:
    """Show the gate the return; ask for it where the last reply was none, and once more if it is refused."""
    turn, cut = runtime.context.turn, state.get("cut")
    if cut is not None:
        return await _give_what_there_is(runtime, state, BudgetExhausted(cut["limit"], cut["why"]))
    text = _return_in(_last(state))
    added: list[Message] = []
    refused: ReturnRefused | None = None
    for _ in range(2):
        if text is None:
            added.append(Message(role="user", content=_asking(refused)))
            try:
                reply = await turn.model(_request(_desk(runtime), state, kind="return", added=added))
            except BudgetExhausted as exhausted:
                return await _give_what_there_is(runtime, state, exhausted, cheap=True)
            added.append(_assistant(reply))
            text = reply.content
        offered = await turn.offer(text)
        if not isinstance(offered, ReturnRefused):
            return {"messages": added}
        refused, text = offered, None
    why = refused.code if refused else ""
    raise AgentFailed(f"its return was refused, also after one repair: {why}", code="gate_refused")


async def _give_what_there_is(
    runtime: Context, state: WorkerState, limit: BudgetExhausted, *, cheap: bool = False
) -> WorkerState:
    """The one chance of a worker that was cut short: asked as usual where that can be paid, else cheaply.

    Raises:
        BudgetExhausted: the limit, where there is nothing to return, or the chance came to nothing.
    """
    turn, messages = runtime.context.turn, state.get("messages", [])
    if limit.limit != "model_calls" and not chance.has_read(messages):
        raise limit
    usual = _request(_desk(runtime), state, kind="return", added=[Message(role="user", content=_RETURN)])
    least = chance.request(turn.agent, messages)
    text = await _first_paid(turn, [least] if cheap else [usual, least])
    if text is None or isinstance(await turn.offer(_as_partial(text)), ReturnRefused):
        raise limit
    turn.cut_short(limit)
    return {"messages": []}


async def _first_paid(turn: Turn, requests: Sequence[ModelRequest]) -> str | None:
    """The return that the first of the requests brings for which there is enough left."""
    for request in requests:
        try:
            return _return_in(_assistant(await turn.model(request)))
        except ModelOutputInvalid:
            return None
        except BudgetExhausted:
            continue
    return None


def _as_partial(text: str) -> str:
    """What was cut short is not whole, whatever it says of itself."""
    value = json.loads(text)
    return json.dumps(
        {**value, "status": "partial"} if value.get("status") == "found" else value, ensure_ascii=False
    )


def _return_in(message: Message) -> str | None:
    """The return in a reply that is one JSON object; what has prose around it is none."""
    if message.role != "assistant":
        return None
    try:
        value = parse_strict(message.content)
    except OutputProblem:
        return None
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else None


async def after_act(state: WorkerState) -> Literal["use_tools", "give"]:
    return "use_tools" if "cut" not in state and _last(state).tool_calls else "give"


async def after_tools(state: WorkerState) -> Literal["act", "give"]:
    return "give" if "cut" in state else "act"


def _asking(refused: ReturnRefused | None) -> str:
    if refused is None:
        return _RETURN
    fault = _FAULTS.get(refused.code, _UNUSABLE).format(where=refused.where or "the top")
    return _REPAIR.format(fault=fault)


@dataclass(frozen=True, kw_only=True)
class _Desk:
    """What all of a worker's requests share: its tools, its return's schema, and the room for messages."""

    tools: tuple[ToolDefinition, ...]
    schema: dict[str, JsonValue]
    room: int


def _desk(runtime: Context) -> _Desk:
    return runtime.context.once(_new_desk)


def _new_desk(turn: Turn) -> _Desk:
    if turn.agent.return_schema is None:
        raise AgentFailed("a worker needs a return schema")
    tools, schema = prompt.definitions(turn.tool_specs()), for_node(turn.agent.return_schema)
    beside = ModelRequest(kind="return", messages=(), tools=tools, output_schema=schema)
    return _Desk(tools=tools, schema=schema, room=window.room(prompt_tokens(beside), RETURN_TOKENS))


def _request(
    desk: _Desk, state: WorkerState, *, kind: Literal["act", "return"], added: list[Message] | None = None
) -> ModelRequest:
    """The tools stay in every request, so that the shared prefix does too."""
    returning = kind == "return"
    return ModelRequest(
        kind=kind,
        messages=tuple(window.fitted([*state.get("messages", []), *(added or [])], desk.room)),
        tools=desk.tools,
        tool_choice=("none" if returning else "auto") if desk.tools else None,
        output_schema=desk.schema if returning else None,
        output_name="findings",
        max_tokens=RETURN_TOKENS if returning else ACT_TOKENS,
        metadata=prompt.stamp("worker"),
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
        branches={"act": after_act, "use_tools": after_tools},
        checkpointer=checkpointer,
    )
