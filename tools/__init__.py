"""Tools: what an agent can do, behind a broker that checks first. The tools are in `tools.builtin`."""

from tools.broker import PreparedCall, ToolBroker
from tools.contract import NewArtifact, ToolContext, ToolLimits, ToolResult, ToolSpec
from tools.document import Document, QuotePlace
from tools.inventory import Inventory, SkippedPath, WorkspaceFile
from tools.meaning import MeaningSearch
from tools.ports import Embedder, Resolver, Tool
from tools.registry import ToolRegistry
from tools.taint import Denied, TaintCheck
from tools.workspace import Workspace, WorkspaceLimits

__all__ = [
    "Denied",
    "Document",
    "Embedder",
    "Inventory",
    "MeaningSearch",
    "NewArtifact",
    "PreparedCall",
    "QuotePlace",
    "Resolver",
    "SkippedPath",
    "TaintCheck",
    "Tool",
    "ToolBroker",
    "ToolContext",
    "ToolLimits",
    "ToolRegistry",
    "ToolResult",
    "ToolSpec",
    "Workspace",
    "WorkspaceFile",
    "WorkspaceLimits",
]
