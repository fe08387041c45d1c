"""Fixtures for every suite: a real Postgres, a database of its own for each test, tenants."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import AsyncConnection, sql
from psycopg.conninfo import make_conninfo

from core.database import Database, migrate
from core.database.migrate import APPLICATION_ROLE
from core.ids import TenantId
from core.postgres import EmbeddedPostgres, PostgresAddress
from tests.brokers import BROKERS, SHARED, RabbitMq, Redis, Server, running

APPLICATION_PASSWORD = "only-for-tests"
TEMPLATE = "treehold_template"


@dataclass(frozen=True, kw_only=True)
class TestDatabase:
    """A migrated database that exists for one test."""

    __test__ = False

    address: PostgresAddress

    @property
    def admin(self) -> str:
        return self.address.conninfo()

    @property
    def application(self) -> str:
        return make_conninfo(self.admin, user=APPLICATION_ROLE, password=APPLICATION_PASSWORD)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresAddress]:
    """In a folder that the server's own user can reach when the tests run as root."""
    with TemporaryDirectory(prefix="treehold-tests-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "server") as address:
            yield address


@pytest.fixture(scope="session")
def template(postgres: PostgresAddress) -> str:
    """The name of a migrated database to copy from."""
    with psycopg.connect(postgres.conninfo(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    migrate(replace(postgres, database=TEMPLATE).conninfo(), application_password=APPLICATION_PASSWORD)
    return TEMPLATE


@pytest.fixture
def test_database(postgres: PostgresAddress, template: str) -> Iterator[TestDatabase]:
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres.conninfo(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        yield TestDatabase(address=replace(postgres, database=name))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    with running(Redis) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMq]:
    with running(RabbitMq) as server:
        yield server


@pytest.fixture(params=SHARED)
def shared_broker(request: pytest.FixtureRequest) -> Server:
    """Redis and RabbitMQ in turn, without messages."""
    found: Server = request.getfixturevalue(request.param)
    found.empty()
    return found


@pytest.fixture(params=BROKERS)
def broker_url(request: pytest.FixtureRequest) -> str:
    """Each kind of broker in turn, without messages."""
    if request.param == "memory":
        return "memory://"
    found: Server = request.getfixturevalue(request.param)
    found.empty()
    return found.url


@pytest.fixture
async def database(test_database: TestDatabase) -> AsyncIterator[Database]:
    """Connected as the application role."""
    opened = Database(test_database.application, size=8)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def admin(test_database: TestDatabase) -> AsyncIterator[AsyncConnection]:
    """Connected as the administrator, whom row-level security does not bind."""
    async with await AsyncConnection.connect(
        test_database.admin, autocommit=True, options="-c search_path=treehold,public"
    ) as connection:
        yield connection


def add_tenant(test_database: TestDatabase, name: str) -> TenantId:
    tenant: UUID = uuid4()
    with psycopg.connect(test_database.admin) as connection:
        connection.execute("INSERT INTO treehold.tenant (id, name) VALUES (%s, %s)", (tenant, name))
    return TenantId(tenant)


@pytest.fixture
def tenant(test_database: TestDatabase) -> TenantId:
    return add_tenant(test_database, "first")


@pytest.fixture
def other_tenant(test_database: TestDatabase) -> TenantId:
    return add_tenant(test_database, "second")
