"""The composition root: which adapter stands behind which port.

It imports no LangGraph and no LiteLLM, so that a task can be submitted and followed at once;
`orchestrator.engine.engine_room` adds what advances agents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import psycopg

from core.clock import Clock, SystemClock
from core.database import Database
from core.errors import ConfigurationError
from core.ids import IdSource, TimeOrderedIds
from core.metrics import Metrics
from core.settings import OFFLINE_MODEL, PLUMBING_CONNECTIONS, Settings
from inference.config import ModelConfig
from inference.gateway import ModelGateway
from inference.litellm_files import names_provider
from inference.metered import MeteredGateway
from inference.ports import ModelProvider
from inference.retry import RetryPolicy
from memory import Checker, Evaluator, Indexer, Memory, Rebuilder
from memory.forgetting import Forgetting
from memory.index import PgVectorIndex, QdrantIndex
from memory.index.following import CurrentEmbedder, CurrentIndex
from memory.index.generations import OneGeneration, OpenIndex, StoredGenerations
from memory.insight_graph.sources import EpisodeSource, InsightSource
from memory.notes.source import NoteSource
from memory.ports import Collection, Embedder, Generations, Source, VectorIndex
from memory.search import Search
from memory.task_tree import TaskTree
from memory.transfer import Exporting, Importing
from orchestrator.embedders import Embedders
from orchestrator.engine.evaluating import evaluator_of
from orchestrator.platform import Platform
from orchestrator.services.admission import Admission
from orchestrator.services.approvals import ApprovalService
from orchestrator.services.control import ControlService
from orchestrator.services.fleet import Fleet
from orchestrator.services.forking import ForkService
from orchestrator.services.intake import Intake
from orchestrator.services.keys import KeyService
from orchestrator.services.memory_service import MemoryService
from orchestrator.services.messages import MessageService
from orchestrator.services.tasks import TaskService
from orchestrator.telemetry import otlp
from orchestrator.telemetry.counting import MeteredToolRunner, counter_of
from tools import MeaningSearch, ToolRegistry
from tools.builtin import builtin_tools
from tools.modules import tools_of
from tools.ports import Tool

_BEGIN_TO_TELL = b"SELECT FROM untold_tasks(0)"
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
    evaluator: Evaluator | None = None,
) -> Platform:
    """Connect as the application role and wire everything up; what is given replaces the settings' choice.

    Raises:
        ConfigurationError: the role could bypass row-level security, or a tool module is none.
        StorageError: Postgres cannot be reached.
    """
    clock, ids = clock or SystemClock(), ids or TimeOrderedIds()
    metrics = Metrics()
    database = Database(
        conninfo,
        size=settings.connections,
        plumbing=min(PLUMBING_CONNECTIONS, settings.connections - 1),
        patience=settings.lease_seconds,
        committed=counter_of(metrics),
    )
    await database.open()
    try:
        await _refuse_unbound_role(database)
        if otlp.is_wanted():
            await _begin_to_tell(database)
    except BaseException:
        await database.close()
        raise
    policy = RetryPolicy(max_attempts=settings.model_max_attempts, total_seconds=settings.model_total_seconds)
    gateway = MeteredGateway(
        ModelGateway(provider or _provider(settings), policy=policy, clock=clock), metrics, clock
    )
    model = gateway.describe()
    embedders = Embedders(settings, clock, local=embedder)
    indexing = _indexing(settings, database, clock, embedders, index)
    if tools is None:
        tools = (*builtin_tools(MeaningSearch(embedders.local)), *tools_of(settings.tool_modules))
    runner = MeteredToolRunner(ToolRegistry(tools), metrics, clock)
    task_tree = TaskTree()
    intake = Intake(
        runner,
        roots=settings.workspace_roots,
        private=settings.data_dir,
        priced=gateway.priced,
        allowed=settings.allow,
    )
    forgetting = Forgetting(database, indexing.generations, ids)
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
        embedders=embedders,
        embedder=indexing.embedder,
        index=indexing.index,
        indexer=indexing.indexer,
        rebuilder=indexing.rebuilder,
        checker=indexing.checker,
        tools=runner,
        memory=Memory(
            database=database,
            embedder=indexing.embedder,
            index=indexing.index,
            indexer=indexing.indexer,
            holdout=settings.memory_holdout,
        ),
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
        memories=MemoryService(
            database,
            ids,
            indexer=indexing.indexer,
            search=Search(database, indexing.embedder, indexing.index),
            forgetting=forgetting,
            exporting=Exporting(database, clock),
            importing=Importing(database),
        ),
        forgetting=forgetting,
        keys=KeyService(database),
        fleet=Fleet(database, metrics, clock),
        metrics=metrics,
        model=model,
        evaluator=evaluator or evaluator_of(settings.memory_evaluator),
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


async def _begin_to_tell(database: Database) -> None:
    """Before the first task of this process: its worker takes a while to start."""
    async with database.plumbing() as connection:
        await connection.execute(_BEGIN_TO_TELL)


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


@dataclass(frozen=True, kw_only=True)
class _Indexing:
    embedder: Embedder
    index: VectorIndex
    generations: Generations
    indexer: Indexer
    rebuilder: Rebuilder | None
    checker: Checker


def _indexing(
    settings: Settings,
    database: Database,
    clock: Clock,
    embedders: Embedders,
    index: VectorIndex | None,
) -> _Indexing:
    """The index in generations; one that is given has the given embedder for ever."""
    sources: dict[Collection, Source] = {
        "episode": EpisodeSource(),
        "insight": InsightSource(),
        "note": NoteSource(),
    }

    def indexer(generations: Generations) -> Indexer:
        return Indexer(database, sources, generations, sweep=settings.sweep_seconds)

    if index is not None:
        only = OneGeneration(embedders.local, index)
        return _Indexing(
            embedder=embedders.local,
            index=index,
            generations=only,
            indexer=indexer(only),
            rebuilder=None,
            checker=Checker(database, index, sources),
        )
    stored = StoredGenerations(
        database, clock, embedders.open, _index_maker(settings, database), chosen=settings.embedder
    )
    current = CurrentIndex(stored)
    return _Indexing(
        embedder=CurrentEmbedder(stored),
        index=current,
        generations=stored,
        indexer=indexer(stored),
        rebuilder=Rebuilder(database, clock, stored, sources),
        checker=Checker(database, current, sources),
    )


def _index_maker(settings: Settings, database: Database) -> OpenIndex:
    def make(embedder: Embedder, generation: int) -> VectorIndex:
        if settings.vector_index == "pgvector":
            return PgVectorIndex(database, embedder, generation=generation)
        return QdrantIndex(settings.qdrant_url, settings.qdrant_api_key, embedder, generation=generation)

    return make
