"""Options that several commands share, and how they become settings."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from core.settings import Settings

SETTINGS_FILE = "treehold.toml"

DataDir = Annotated[
    Path | None, typer.Option("--data", help="Folder for embedded data and keys.", show_default=False)
]
Server = Annotated[
    str | None,
    typer.Option("--server", envvar="TREEHOLD_URL", help="Use this server instead of this machine's own."),
]
Key = Annotated[
    str | None, typer.Option("--key", envvar="TREEHOLD_KEY", help="API key for --server.", show_default=False)
]
Model = Annotated[
    str | None, typer.Option("--model", help="Model name; default: the offline model.", show_default=False)
]
BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", help="OpenAI-compatible node, ending in /v1.", show_default=False),
]
ModelKey = Annotated[
    str | None,
    typer.Option("--api-key", help="Key for the model node, or TREEHOLD_API_KEY.", show_default=False),
]
BudgetTokens = Annotated[
    int | None, typer.Option("--budget-tokens", min=0, help="Tokens all agents may use together.")
]
BudgetCost = Annotated[
    float | None, typer.Option("--budget-cost", min=0, help="Dollars all agents may spend together.")
]
BudgetToolCalls = Annotated[
    int | None, typer.Option("--budget-tool-calls", min=0, help="Tool calls of all agents together.")
]
Depth = Annotated[int | None, typer.Option("--depth", min=0, help="Levels of agents below the root.")]
Fanout = Annotated[int | None, typer.Option("--fanout", min=0, help="Children an agent may have.")]
Deadline = Annotated[
    float | None, typer.Option("--deadline", min=0.001, help="Seconds, from its submission.")
]
Tag = Annotated[list[str] | None, typer.Option("--tag", help="name=value; repeatable.")]
Queues = Annotated[
    str | None,
    typer.Option(
        "--queues", help="What to work on: advance, learn; default: both, by commas.", show_default=False
    ),
]
HealthPort = Annotated[
    int | None,
    typer.Option(
        "--health-port", min=0, max=65535, help="Answer /healthz and /readyz there.", show_default=False
    ),
]
Concurrency = Annotated[
    int | None, typer.Option("--concurrency", min=1, help="Turns run at a time.", show_default=False)
]


def settings(
    *,
    data: Path | None = None,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    concurrency: int | None = None,
    queues: str | None = None,
    port: int | None = None,
    health_port: int | None = None,
) -> Settings:
    """Settings with the command line's options over environment, file and defaults.

    Raises:
        ConfigurationError: a setting is wrong; the message names it.
    """
    from pydantic import SecretStr, ValidationError

    from core.settings import Settings

    given: dict[str, Any] = {
        "data_dir": _folder(data) if data else None,
        "model": model,
        "base_url": base_url,
        "api_key": SecretStr(api_key) if api_key else None,
        "concurrency": concurrency,
        "queues": tuple(name.strip() for name in queues.split(",")) if queues is not None else None,
        "port": port,
        "health_port": health_port,
    }
    try:
        found = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise ConfigurationError(_fault(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the file {SETTINGS_FILE} in this folder is not TOML: {error}") from error
    except OSError as error:
        raise ConfigurationError(
            f"the file {SETTINGS_FILE} in this folder cannot be read: {error.strerror}"
        ) from error
    if found.base_url is not None and found.model == "offline":
        raise ConfigurationError("--base-url needs --model: the name of a model that the node serves")
    return found


def given(**values: object) -> tuple[str, ...]:
    """The options that were given on the command line, as they are written there."""
    return tuple(f"--{name.replace('_', '-')}" for name, value in values.items() if value is not None)


def _folder(path: Path) -> Path:
    try:
        return path.expanduser().resolve()
    except (OSError, RuntimeError) as error:
        raise ConfigurationError(f"there is no such place as {str(path)!r}: {error}") from error


def _fault(error: ValidationError) -> str:
    """What is wrong with which setting, in words for whoever set it."""
    fault = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(map(str, fault["loc"])) or "settings"
    if fault["type"] == "extra_forbidden":
        return f"there is no setting {name!r}: correct or remove it in {SETTINGS_FILE}"
    return f"the setting {name} ({SETTINGS_FILE}, or TREEHOLD_{name.upper()}) is wrong: {fault['msg']}"
