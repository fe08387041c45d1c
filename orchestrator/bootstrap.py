"""The composition root: which adapter stands behind which port.

It imports no LangGraph and no LiteLLM, so that a task can be submitted and followed at once;
`orchestrator.engine_room` adds what advances agents.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from core.clock import Clock, SystemClock
from core.database import Database
from core.errors import ConfigurationError
from core.ids import IdSource, TimeOrderedIds
from core.settings import OFFLINE_MODEL, Settings
from inference.config import ModelConfig
from inference.gateway import ModelGateway
from inference.litellm_files import names_provider
from inference.ports import ModelProvider
from inference.retry import RetryPolicy
from memory import Memory
from memory.ports import Embedder, VectorIndex
from memory.task_tree import TaskTree
from orchestrator.platform import Platform
from orchestrator.services.admission import Admission
from orchestrator.services.approvals import ApprovalService
from orchestrator.services.control import ControlService
from orchestrator.services.forking import ForkService
from orchestrator.services.intake import Intake
from orchestrator.services.keys import KeyService
from orchestrator.services.messages import MessageService
from orchestrator.services.tasks import TaskService
from orchestrator.turns.tool_runner import ToolRunner
from tools import MeaningSearch, ToolRegistry
from tools.builtin import builtin_tools
from tools.modules import tools_of
from tools.ports import Tool

_UNBOUND = (
    b"SELECT rolsuper OR rolbypassrls OR pg_has_role(current_user, c.relowner, 'USAGE') AS unbound "
    b"FROM pg_roles, pg_class AS c WHERE rolname = current_user AND c.oid = 'treehold.task'::regclass"
)


async def open_platform(
    settings: Settings,
    conninfo: str,
    *,
    clock: Clock | None = None,
    ids: IdSource | None = None,
    provider: ModelProvider | None = None,
    embedder: Embedder | None = None,
    index: VectorIndex | None = None,
    tools: Iterable[Tool] | None = None,
) -> Platform:
    """Connect as the application role and wire everything up; what is given replaces the settings' choice.

    Raises:
        ConfigurationError: the role could bypass row-level security, or a tool module is none.
        StorageError: Postgres cannot be reached.
    """
    clock, ids = clock or SystemClock(), ids or TimeOrderedIds()
    database = Database(conninfo, size=settings.connections, patience=settings.lease_seconds)
    await database.open()
    try:
        await _refuse_unbound_role(database)
    except BaseException:
        await database.close()
        raise
    gateway = ModelGateway(
        provider or _provider(settings),
        policy=RetryPolicy(
            max_attempts=settings.model_max_attempts, total_seconds=settings.model_total_seconds
        ),
        clock=clock,
    )
    model = gateway.describe()
    embedder = embedder or _embedder()
    index = index or _index(settings, database, embedder)
    if tools is None:
        tools = (*builtin_tools(MeaningSearch(embedder)), *tools_of(settings.tool_modules))
    runner = ToolRunner(ToolRegistry(tools))
    task_tree = TaskTree()
    intake = Intake(
        runner,
        roots=settings.workspace_roots,
        private=settings.data_dir,
        priced=gateway.priced,
        allowed=settings.allow,
    )
    admission = Admission(
        database=database,
        of_tenant=settings.max_open_tasks_per_tenant,
        of_all=settings.max_open_tasks,
    )
    return Platform(
        settings=settings,
        database=database,
        clock=clock,
        ids=ids,
        gateway=gateway,
        embedder=embedder,
        index=index,
        tools=runner,
        memory=Memory(database=database, embedder=embedder, index=index),
        task_tree=task_tree,
        tasks=TaskService(
            database,
            clock,
            ids,
            task_tree,
            intake,
            admission,
            model,
        ),
        forks=ForkService(database, clock, ids, intake, admission, model),
        control=ControlService(database),
        approvals=ApprovalService(database, runner),
        messages=MessageService(database, ids),
        keys=KeyService(database),
        model=model,
    )


async def _refuse_unbound_role(database: Database) -> None:
    async with database.plumbing() as connection:
        try:
            cursor = await connection.execute(_UNBOUND)
        except psycopg.errors.UndefinedTable as error:
            raise ConfigurationError("the database has no Treehold schema: run `treehold migrate`") from error
        row = await cursor.fetchone()
    if row is None or row["unbound"]:
        raise ConfigurationError(
            "the application connects to Postgres as a role that row-level security does not bind; "
            "use the role treehold_app in TREEHOLD_DATABASE_URL"
        )


def _provider(settings: Settings) -> ModelProvider:
    if settings.model == OFFLINE_MODEL:
        from inference.offline import OfflineProvider

        return OfflineProvider()
    return provider_of(model_config(settings))


def provider_of(config: ModelConfig) -> ModelProvider:
    """A node of the operator's own is called directly, every other through LiteLLM."""
    if config.base_url is not None and not names_provider(config.model):
        from inference.node_provider import NodeProvider

        return NodeProvider(config, config.base_url)
    from inference.litellm_provider import LiteLLMProvider

    return LiteLLMProvider(config)


def model_config(settings: Settings) -> ModelConfig:
    return ModelConfig(
        model=settings.model,
        base_url=settings.base_url,
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        connect_seconds=settings.model_connect_seconds,
        first_token_seconds=settings.model_first_token_seconds,
        stall_seconds=settings.model_stall_seconds,
        total_seconds=settings.model_total_seconds,
        max_attempts=settings.model_max_attempts,
        price_prompt=settings.price_prompt,
        price_completion=settings.price_completion,
    )


def _embedder() -> Embedder:
    from memory.embedder import MiniLm

    return MiniLm()


def _index(settings: Settings, database: Database, embedder: Embedder) -> VectorIndex:
    if settings.vector_index == "pgvector":
        from memory.index import PgVectorIndex

        return PgVectorIndex(database, embedder)
    from memory.index.qdrant import QdrantIndex

    return QdrantIndex(settings.qdrant_url, settings.qdrant_api_key, embedder)
