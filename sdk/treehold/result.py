"""The answer to a finished task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from pydantic import ValidationError

from treehold.errors import OutputMismatch, TaskFailed
from treehold.models import Answer, Citation, Task

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Result(Generic[T]):
    """A finished task and its answer.

    Attributes:
        output: an instance of the model the task was submitted with, or else JSON, or None where no output
            was asked for.
    """

    task: Task[T]
    answer: Answer
    output: T

    @property
    def text(self) -> str:
        return self.answer.text

    @property
    def citations(self) -> tuple[Citation, ...]:
        return self.answer.citations

    @property
    def partial(self) -> bool:
        """Whether a limit was reached before all was done."""
        return self.answer.partial

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, and why."""
        return self.answer.notes


def result_of(task: Task[T]) -> Result[T]:
    """The result of a task that has ended.

    Raises:
        TaskFailed: it ended without an answer.
        OutputMismatch: its output does not fit the model it was submitted with.
    """
    if task.status != "done" or task.answer is None:
        raise TaskFailed(task)
    output = cast(T, task.answer.output)
    if task.output_type is not None:
        try:
            output = cast(T, task.output_type.model_validate(task.answer.output))
        except ValidationError as error:
            raise OutputMismatch(task, str(error)) from error
    return Result(task=task, answer=task.answer, output=output)
