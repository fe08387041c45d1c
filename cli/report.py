"""The object that `--json` prints."""

from __future__ import annotations

from typing import Any

from cli.outcome import is_partial
from treehold import Agent, Answer, Task, Tree


def report(tree: Tree, trace_url: str) -> dict[str, Any]:
    """One task as JSON; the keys are part of the command line's contract."""
    task = tree.task
    answer = task.answer
    return {
        "task_id": str(task.id),
        "status": task.status,
        "stop_reason": task.stop_reason,
        "answer": _answer(task, answer),
        "text": answer.text if answer else None,
        "citations": [citation.model_dump() for citation in answer.citations] if answer else [],
        "notes": list(answer.notes) if answer else [],
        "partial": is_partial(task),
        "error": task.error.model_dump() if task.error else None,
        "agents": [_agent(agent) for agent in tree.agents],
        "steps": [{"key": node.key, "title": node.title, "status": node.status} for node in tree.nodes],
        "usage": task.usage.model_dump(),
        "model": task.model.model_dump(),
        "trace_url": trace_url,
    }


def _answer(task: Task[Any], answer: Answer | None) -> Any:
    """The value in the schema that was asked for, or else the text."""
    if answer is None:
        return None
    return answer.text if task.output_schema is None else answer.output


def _agent(agent: Agent) -> dict[str, Any]:
    return {
        "id": str(agent.id),
        "parent": str(agent.parent) if agent.parent else None,
        "role": agent.role,
        "title": agent.title,
        "status": agent.status,
        "tokens": agent.usage.tokens,
        "seconds": agent.seconds,
    }
