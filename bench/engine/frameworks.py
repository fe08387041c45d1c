"""The frameworks to compare with: what to install, how to run it, and what of a run survives a kill."""

from __future__ import annotations

from dataclasses import dataclass

NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class Framework:
    """A runner under `peers/`.

    Attributes:
        packages: pinned; what they depend on is resolved on the day.
        keeps: what is on disk after a kill, as configured here.
        environment: shared with others of the same name; its own, unless given.
    """

    name: str
    script: str
    packages: tuple[str, ...]
    keeps: str = NOTHING
    environment: str = ""

    @property
    def place(self) -> str:
        return self.environment or self.name


_LANGGRAPH = (
    "langgraph==1.2.22",
    "langchain==1.4.7",
    "langchain-openai",
    "langgraph-checkpoint-postgres==3.2.0",
    "psycopg[binary,pool]",
)

FRAMEWORKS = (
    Framework(name="aiohttp", script="with_aiohttp.py", packages=("aiohttp==3.14.5",)),
    Framework(
        name="langgraph_memory",
        script="with_langgraph.py",
        packages=_LANGGRAPH,
        environment="langgraph",
    ),
    Framework(
        name="langgraph_postgres",
        script="with_langgraph.py",
        packages=_LANGGRAPH,
        keeps="a checkpoint a step",
        environment="langgraph",
    ),
    Framework(
        name="deep_agents", script="with_deep_agents.py", packages=("deepagents==0.7.32", "langchain-openai")
    ),
    Framework(name="openai_agents", script="with_openai_agents.py", packages=("openai-agents==0.24.0",)),
    Framework(name="crewai", script="with_crewai.py", packages=("crewai==1.15.30",)),
    Framework(name="agno", script="with_agno.py", packages=("agno==3.1.10", "openai")),
    Framework(name="ag2", script="with_ag2.py", packages=("ag2[openai]==1.2.1",)),
    Framework(
        name="dbos",
        script="with_dbos.py",
        packages=("dbos", "openai==3.52.0"),
        keeps="the outcome of each step",
    ),
)

QUICK = ("aiohttp", "langgraph_postgres")
