"""LangGraph at arm's length: what a graph of ours is made of, and the one place that builds it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agents.ports import Turn

T = TypeVar("T")

Graph = CompiledStateGraph[Any, Any, Any, Any]


@dataclass(frozen=True)
class TurnContext:
    """What LangGraph hands to every node of a run."""

    turn: Turn
    _made: dict[object, Any] = field(default_factory=dict[object, Any], init=False, repr=False)

    def once(self, make: Callable[[Turn], T]) -> T:
        """What `make` makes of the turn, made once for all nodes of the run."""
        if make not in self._made:
            self._made[make] = make(self.turn)
        return self._made[make]


Context = Runtime[TurnContext]
Node = Callable[..., Awaitable[Mapping[str, Any]]]
Branch = Callable[..., Awaitable[Any]] | str
"""Names the node to go to next. A plain function would be run in a thread."""


def compiled(
    name: str,
    state: type,
    *,
    path: Sequence[tuple[str, Node]],
    branches: Mapping[str, Branch],
    checkpointer: BaseCheckpointSaver[Any],
) -> Graph:
    """A graph that walks its nodes in order, from the first to the last, but for the branches.

    Args:
        name: for traces.
        state: the TypedDict of its channels.
        path: nodes in their order; where a node has a branch, the branch decides instead.
        branches: by the node they leave.
        checkpointer: keeps the thread.
    """
    graph = cast(Any, StateGraph)(state, context_schema=TurnContext)
    for node_name, node in path:
        graph.add_node(node_name, node)
    names = [START, *(node_name for node_name, _ in path), END]
    for before, after in pairwise(names):
        if before not in branches:
            graph.add_edge(before, after)
    for node_name, branch in branches.items():
        if isinstance(branch, str):
            graph.add_edge(node_name, branch)
        else:
            graph.add_conditional_edges(node_name, branch)
    return graph.compile(checkpointer=checkpointer, name=name)
