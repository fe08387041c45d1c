"""What a submission must satisfy before it becomes a task, and what its root agent may touch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InvalidInput
from core.grant import Budget, Capabilities
from core.scopes import TENANT
from orchestrator.services.principal import Principal
from orchestrator.services.views import MemoryAccess, Submission
from orchestrator.turns.tool_runner import ToolRunner
from tools import Inventory, Workspace

WORKSPACE_TOOLS = frozenset(
    {"list_files", "read_file", "read_table", "search_files", "search_meaning", "survey_files"}
)
ALWAYS = frozenset({"calculate", "write_artifact"})
NETWORK_TOOLS = frozenset({"http_get"})
_SYSTEM = (Path("/proc"), Path("/sys"), Path("/dev"))


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A workspace as it was found: its folder, and how many files can be read or were skipped."""

    workspace: str | None
    files: int = 0
    skipped: int = 0


class Intake:
    """Checks submissions.

    Args:
        tools: what agents may be given.
        roots: folders that workspaces must lie in; any folder will do where there are none.
        private: the server's own folder, which no workspace may hold or lie in.
        priced: tells whether the model's price is known.
        allowed: values that may go to sinks in every task.
    """

    def __init__(
        self,
        tools: ToolRunner,
        *,
        roots: Sequence[Path],
        private: Path,
        priced: Callable[[], bool],
        allowed: Collection[str] = (),
    ) -> None:
        self._tools = tools
        self._roots = tuple(root.resolve() for root in roots)
        self._private = private.resolve()
        self._priced = priced
        self._allowed = frozenset(allowed)

    async def check(self, submission: Submission) -> Accepted:
        """Raises `InvalidInput` with what to do."""
        unknown = ((submission.tools or frozenset()) | submission.approve) - self._tools.names
        if unknown:
            known = ", ".join(sorted(self._tools.names))
            raise InvalidInput(f"there is no tool {sorted(unknown)[0]!r}; the tools are: {known}")
        if not submission.goal.strip():
            raise InvalidInput("the goal is empty: say what you want done")
        await self._check_budget(submission.budget)
        if submission.workspace is None:
            return Accepted(workspace=None)
        return await asyncio.to_thread(self._workspace, submission.workspace)

    async def check_again(self, budget: Budget, workspace: str | None) -> None:
        """Of a task that is begun again: its limits can be kept, and its folder, if it is there, is allowed.

        Raises:
            InvalidInput: with what to do.
        """
        await self._check_budget(budget)
        if workspace is not None:
            await asyncio.to_thread(self._allow_again, workspace)

    async def _check_budget(self, budget: Budget) -> None:
        if budget.cost is not None and not await asyncio.to_thread(self._priced):
            raise InvalidInput(
                "a limit on cost cannot be kept, because no price of the model is known: set "
                "TREEHOLD_PRICE_PROMPT and TREEHOLD_PRICE_COMPLETION (dollars per million tokens), or limit "
                "tokens instead"
            )

    def capabilities(self, principal: Principal, submission: Submission) -> Capabilities:
        """The tools asked for, or the defaults; network and memory only where they are asked for.

        Raises:
            AccessDenied: it asks for memory that the principal may not see.
        """
        read, write = _memory(principal, submission.memory)
        return Capabilities(
            tools=_tools(submission) if submission.tools is None else submission.tools,
            hosts=submission.hosts,
            memory=read,
            memory_write=write,
            approve=submission.approve,
            allow=submission.allow | self._allowed,
            tainted_sinks=submission.tainted_sinks,
        )

    def _workspace(self, given: str) -> Accepted:
        path = Path(given)
        if not path.is_absolute():
            raise InvalidInput(f"the workspace {given!r} must be an absolute path")
        workspace = Workspace(path)
        root = Path(workspace.root)
        self._allow(given, root)
        inventory = workspace.inventory()
        if not inventory.files:
            raise InvalidInput(_nothing_to_read(given, inventory))
        return Accepted(
            workspace=str(root), files=len(inventory.files), skipped=sum(inventory.skip_counts.values())
        )

    def _allow_again(self, given: str) -> None:
        self._allow(given, Path(given).resolve())

    def _allow(self, given: str, root: Path) -> None:
        if self._roots and not any(root.is_relative_to(allowed) for allowed in self._roots):
            raise InvalidInput(f"the server does not allow the workspace {given!r}")
        if root.is_relative_to(self._private) or self._private.is_relative_to(root):
            raise InvalidInput(
                f"the workspace {given!r} holds Treehold's own data ({str(self._private)!r}), its keys "
                "too; name a folder beside it"
            )
        if any(root.is_relative_to(system) for system in _SYSTEM):
            raise InvalidInput(f"{given!r} is no folder of files but the system's view of itself")


def _tools(submission: Submission) -> frozenset[str]:
    granted = set(ALWAYS)
    if submission.workspace is not None:
        granted |= WORKSPACE_TOOLS
    if submission.hosts:
        granted |= NETWORK_TOOLS
    return frozenset(granted)


def _memory(principal: Principal, wanted: bool | MemoryAccess) -> tuple[frozenset[str], str | None]:
    """The scopes to recall from, and the one to learn to."""
    if wanted is False:
        return frozenset(), None
    if wanted is True:
        return principal.memory_scopes, TENANT
    read = (
        principal.memory_scopes
        if wanted.read is None
        else frozenset(map(principal.memory_scope, wanted.read))
    )
    return read, None if wanted.write is None else principal.memory_scope(wanted.write)


def _nothing_to_read(given: str, inventory: Inventory) -> str:
    why = inventory.skip_summary()
    found = f"it only holds files that are skipped ({why})" if why else "it is empty"
    return (
        f"there is nothing to read in {given!r}: {found}; name a folder with text, Markdown, HTML, CSV, "
        "JSON lines, source code or PDF files"
    )
