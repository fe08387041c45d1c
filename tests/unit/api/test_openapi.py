from __future__ import annotations

from typing import Any, cast

from fastapi import FastAPI

from tests.unit.api.conftest import Client

PUBLIC = {"get_health", "get_readiness"}


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def references(value: Any) -> set[str]:
    match value:
        case {"$ref": str(place)}:
            return {place}
        case dict():
            return set[str]().union(*map(references, cast(dict[str, Any], value).values()))
        case list():
            return set[str]().union(*map(references, cast(list[Any], value)))
        case _:
            return set()


async def test_the_document_is_served_without_a_key(app: FastAPI, anonymous: Client) -> None:
    assert (await anonymous.get("/v1/openapi.json")).json() == app.openapi()


def test_every_operation_says_what_it_answers(app: FastAPI) -> None:
    for operation in operations(app.openapi()):
        assert operation["description"]
        good = {status: each for status, each in operation["responses"].items() if status < "300"}
        assert good
        assert all(each["content"] for each in good.values())


def test_every_operation_but_health_needs_a_key_and_answers_with_problems(app: FastAPI) -> None:
    for operation in operations(app.openapi()):
        if operation["operationId"] in PUBLIC:
            assert "security" not in operation
            continue
        assert operation["security"] == [{"key": []}, {"page": []}]
        bad = {status: each for status, each in operation["responses"].items() if status >= "400"}
        assert {"401", "403", "500", "503"} <= set(bad)
        assert all(list(each["content"]) == ["application/problem+json"] for each in bad.values())


def test_every_reference_leads_somewhere(app: FastAPI) -> None:
    document = app.openapi()
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
