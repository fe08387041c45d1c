"""Settings: `TREEHOLD_*` environment variables first, then `treehold.toml`, then these defaults."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from core.grant import ALLOWED_VALUE

OFFLINE_MODEL = "offline"
MINILM = "minilm"
"""The embedder that comes with Treehold."""

AllowedValue = Annotated[str, Field(pattern=ALLOWED_VALUE)]

PLUMBING_CONNECTIONS = 3
"""Relay, reaper and leases must never wait for a connection that turns hold."""


def default_data_dir() -> Path:
    return Path(platformdirs.user_data_path("treehold"))


class Settings(BaseSettings):
    """What a process runs with. Durations are seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="TREEHOLD_", toml_file="treehold.toml", extra="forbid", frozen=True
    )

    data_dir: Path = Field(default_factory=default_data_dir, description="Embedded data and keys.")

    database_url: SecretStr | None = Field(
        default=None, description="Postgres for the application role; unset means embedded."
    )
    database_admin_url: SecretStr | None = Field(
        default=None, description="Postgres for migrations: a role that may create roles."
    )
    pool_size: int | None = Field(
        default=None, ge=2, description="Postgres connections a process may hold; unset follows concurrency."
    )

    broker_url: SecretStr = Field(default=SecretStr("memory://"), description="Celery broker.")
    queues: tuple[Literal["advance", "learn"], ...] = Field(
        default=("advance", "learn"), min_length=1, description="What a worker takes from the broker."
    )
    concurrency: int = Field(default=32, ge=1, description="Turns one worker process runs at a time.")
    lease_seconds: float = Field(default=10.0, gt=0, description="How long a claimed agent is held.")
    sweep_seconds: float = Field(default=1.0, gt=0, description="How often relay and reaper look round.")
    republish_seconds: float = Field(
        default=5.0, gt=0, description="When a ready agent nobody claimed is published again."
    )
    max_attempts: int = Field(default=5, ge=1, description="Turns lost in a row before an agent fails.")
    max_running_per_tenant: int | None = Field(
        default=None, ge=1, description="Agents of one tenant that may run at a time; unset means no cap."
    )
    patience_seconds: float = Field(
        default=30.0, gt=0, description="A tenant that waits and was not served for so long goes first."
    )
    max_open_tasks: int = Field(default=20_000, ge=0, description="Unfinished tasks, of all tenants.")
    max_open_tasks_per_tenant: int = Field(default=5_000, ge=0, description="Unfinished tasks of a tenant.")

    approval_seconds: float = Field(
        default=86_400.0, gt=0, description="How long somebody has to decide about a call."
    )
    approval_default: Literal["approve", "deny"] = Field(
        default="deny", description="What is decided about a call when nobody does."
    )

    allow: tuple[AllowedValue, ...] = Field(
        default=(), description="Values that may go to sinks unasked, such as recipient:ada@example.org."
    )
    tool_modules: tuple[str, ...] = Field(
        default=(), description="Python modules whose `tools()` gives tools beside the built-in ones."
    )

    embedder: str = Field(default=MINILM, description="'minilm', a node's embedding model, or provider/name.")
    embedder_url: str | None = Field(
        default=None, description="The embedder's node, ending in /v1; unset means the model's."
    )
    embedder_key: SecretStr | None = Field(default=None, description="Its key; unset means the model's.")
    vector_index: Literal["pgvector", "qdrant"] = "pgvector"
    qdrant_url: str | None = None
    qdrant_api_key: SecretStr | None = None
    memory_holdout: float = Field(
        default=0.1, ge=0, le=0.5, description="Share of tasks that an insight is held out of."
    )
    memory_learning_tokens: int = Field(
        default=8_000, ge=0, description="What a model may use to learn from one task; 0 asks none."
    )
    memory_rerank: bool = Field(
        default=False, description="Whether a model settles what to recall where the ranking is unclear."
    )
    memory_evaluator: str | None = Field(
        default=None, description="Python module whose `score(finished)` judges finished tasks."
    )
    memory_retention_days: int | None = Field(
        default=None, ge=1, le=36_500, description="Days memory keeps a record; unset means for ever."
    )

    model: str = Field(default=OFFLINE_MODEL, description="'offline', a node's model, or provider/name.")
    base_url: str | None = Field(default=None, description="An OpenAI-compatible node, ending in /v1.")
    api_key: SecretStr | None = Field(default=None, description="Key for the model node or provider.")
    model_connect_seconds: float = 10.0
    model_first_token_seconds: float = 120.0
    model_stall_seconds: float = 60.0
    model_total_seconds: float = 900.0
    model_max_attempts: int = Field(default=4, ge=1)
    price_prompt: float = Field(default=0.0, ge=0, description="Own node: dollars per million prompt tokens.")
    price_completion: float = Field(default=0.0, ge=0, description="Own node: dollars per million tokens.")

    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65535)
    health_port: int | None = Field(
        default=None, ge=0, le=65535, description="Where a worker answers /healthz and /readyz."
    )
    metrics_token: SecretStr | None = Field(
        default=None, description="What /metrics asks for; unset, the API does not serve it."
    )
    log_format: Literal["text", "json"] = Field(default="text", description="How servers write their log.")
    trace_content: bool = Field(default=False, description="Whether spans tell prompts, answers and goals.")
    public_url: str | None = Field(default=None, description="How people reach the server, for links.")
    workspace_roots: tuple[Path, ...] = Field(
        default=(), description="Folders tasks may name; empty allows any folder the process can read."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def embedded_database(self) -> bool:
        return self.database_url is None

    @property
    def embedded_broker(self) -> bool:
        return self.broker_url.get_secret_value().startswith("memory://")

    @property
    def connections(self) -> int:
        """The most connections of this process's pool. A turn needs one for moments, not while it waits."""
        return self.pool_size or max(16, self.least_connections)

    @property
    def least_connections(self) -> int:
        """With fewer in a worker's pool, leases would wait behind the turns they are for."""
        return PLUMBING_CONNECTIONS + ceil(self.concurrency / 8)

    @property
    def site_url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"
