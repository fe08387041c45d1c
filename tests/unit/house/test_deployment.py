"""docker-compose.yml and the Dockerfile, as far as they can be checked without running them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.app import app
from core.settings import Settings

SETTINGS = {f"TREEHOLD_{name.upper()}" for name in Settings.model_fields}
COMMANDS = {getattr(command.callback, "__name__", None) for command in app.registered_commands} | {
    group.name or (group.typer_instance and group.typer_instance.info.name) for group in app.registered_groups
}
SECRETS = {"POSTGRES_ADMIN_PASSWORD", "POSTGRES_APP_PASSWORD", "RABBITMQ_PASSWORD", "QDRANT_API_KEY"}

Service = dict[str, Any]


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "docker-compose.yml").read_text()


@pytest.fixture(scope="module")
def services(text: str) -> dict[str, Service]:
    return yaml.safe_load(text)["services"]


@pytest.fixture(scope="module")
def ours(services: dict[str, Service]) -> dict[str, Service]:
    return {name: service for name, service in services.items() if service.get("build") == "."}


def test_all_parts_are_there(services: dict[str, Service]) -> None:
    assert set(services) == {"api", "migrate", "postgres", "qdrant", "rabbitmq", "vllm", "worker"}


def test_our_services_use_settings_and_commands_that_exist(ours: dict[str, Service]) -> None:
    assert set(ours) == {"api", "migrate", "worker"}
    for service in ours.values():
        named = {name for name in service["environment"] if not name.startswith("OTEL_EXPORTER_OTLP_")}
        assert named <= SETTINGS
        assert service["command"][0] in COMMANDS


def test_every_service_has_a_health_check_except_the_one_that_ends(services: dict[str, Service]) -> None:
    unchecked = {name for name, service in services.items() if "test" not in service["healthcheck"]}
    assert unchecked == {"migrate"}


def test_services_wait_for_what_they_need(services: dict[str, Service]) -> None:
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("api", "worker"):
        waits = services[name]["depends_on"]
        assert waits["migrate"]["condition"] == "service_completed_successfully"
        assert {waits[part]["condition"] for part in ("rabbitmq", "qdrant")} == {"service_healthy"}


def test_only_migrations_get_the_administrator_url(ours: dict[str, Service]) -> None:
    holders = {name for name, it in ours.items() if "TREEHOLD_DATABASE_ADMIN_URL" in it["environment"]}
    assert holders == {"migrate"}


def test_secrets_have_no_defaults(text: str, root: Path) -> None:
    used = re.findall(r"\$\{(\w+)(:[-?][^}]*)?\}", text)
    assert {name for name, rest in used if rest.startswith(":?")} == SECRETS
    assert not {name for name, rest in used if name in SECRETS and not rest.startswith(":?")}
    example = (root / ".env.example").read_text()
    assert {name for name in SECRETS if f"\n{name}=\n" in example} == SECRETS


def test_every_variable_is_in_the_example(text: str, root: Path) -> None:
    used = set(re.findall(r"\$\{(\w+)", text))
    named = set(re.findall(r"^#?([A-Z_]+)=", (root / ".env.example").read_text(), re.M))
    assert used <= named
    assert {name for name in named if name.startswith("TREEHOLD_")} <= SETTINGS | {"TREEHOLD_IMAGE"}


def test_only_the_api_is_published_and_only_here(services: dict[str, Service]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert list(published) == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in published["api"])


def test_named_volumes_are_declared(text: str, services: dict[str, Service]) -> None:
    used = {
        volume.split(":")[0]
        for service in services.values()
        for volume in service["volumes"]
        if re.match(r"[a-z]", volume)
    }
    assert used == set(yaml.safe_load(text)["volumes"])


def test_the_model_node_is_optional_and_caches_prefixes(services: dict[str, Service]) -> None:
    assert {name for name, service in services.items() if "profiles" in service} == {"vllm"}
    assert "--enable-prefix-caching" in services["vllm"]["command"]


def test_the_image_is_locked_unprivileged_and_complete(root: Path) -> None:
    text = (root / "Dockerfile").read_text()
    assert re.search(r"^USER treehold$", text, re.M)
    assert "--require-hashes" in text
    assert all("--frozen --no-dev" in line for line in re.findall(r"uv sync.*", text))
    assert set(re.findall(r"\bTREEHOLD_\w+", text)) <= SETTINGS
    ignore = (root / ".dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M):
        for path in line.split():
            assert path == "." or f"!{path}" in ignore or f"!{path.split('/')[0]}" in ignore


def test_the_image_gets_every_package(root: Path) -> None:
    packages = re.search(r"^packages = \[(.+)\]$", (root / "pyproject.toml").read_text(), re.M)
    assert packages is not None
    ignore = (root / ".dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in re.findall(r'"(\w+)"', packages[1])} <= set(ignore)


def test_documents_use_commands_that_exist(root: Path) -> None:
    for path in [*root.glob("*.md"), *root.glob("docs/*.md"), root / "Makefile"]:
        for command in re.findall(r"(?:^|bin/|`)treehold ([a-z]+)\b", path.read_text(), re.M):
            assert command in COMMANDS, f"{path.name} uses `treehold {command}`"
