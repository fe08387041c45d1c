"""The application: routes, and what stands in front of them."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from api import middleware, problems
from api.auth import SignInNeeded, visitor_name
from api.event_stream import Streams
from api.hosts import allowed_names
from api.pages import error_page, wants_page
from api.ports import ApiServices, Figures, Ready
from api.problems import ProblemDetails
from api.routes import (
    approvals,
    artifacts,
    control,
    events,
    feedback,
    forks,
    health,
    memory,
    messages,
    metrics,
    pages,
    reference,
    tasks,
)
from core.errors import TreeholdError
from viewer import STATIC

DESCRIPTION = "Multi-agent orchestration on models you host yourself. Errors are RFC 9457 problems."
VERSION = "1"


def create_app(services: ApiServices) -> FastAPI:
    """The REST API under `/v1` and the viewer's pages, over the given services."""
    app = FastAPI(
        title="Treehold",
        description=DESCRIPTION,
        version=VERSION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        middleware=[
            Middleware(middleware.SecurityHeaders),
            Middleware(middleware.LastResort),
            Middleware(
                middleware.KnownHosts,
                names=allowed_names(services.settings),
                anywhere=frozenset({metrics.PATH}),
            ),
            Middleware(middleware.BodyLimit),
            Middleware(middleware.CallersTrace),
        ],
    )
    app.state.services = services
    app.state.ready = services.ready
    app.state.figures = services.figures
    app.state.closing = asyncio.Event()
    app.state.streams = Streams(most=services.streams_per_tenant)
    for resource in (
        tasks,
        control,
        approvals,
        messages,
        forks,
        feedback,
        events,
        artifacts,
        memory,
        health,
        metrics,
        reference,
        pages,
    ):
        app.include_router(resource.router)
    app.mount("/static", _Assets(directory=STATIC), name="static")
    app.add_exception_handler(TreeholdError, _answer)
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(SignInNeeded, _ask_to_sign_in)
    app.openapi = lambda: _openapi(app)
    return app


def create_health_app(ready: Ready, figures: Figures | None = None) -> FastAPI:
    """`/healthz`, `/readyz` and `/metrics` alone, for a process that serves nothing else."""
    app = FastAPI(
        title="Treehold worker",
        openapi_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        middleware=[Middleware(middleware.SecurityHeaders), Middleware(middleware.LastResort)],
    )
    app.state.ready = ready
    app.state.figures = figures
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.add_exception_handler(TreeholdError, _answer_plainly)
    return app


class _Assets(StaticFiles):
    """Asked for again each time, and answered with 304 while unchanged: an upgrade shows at once."""

    async def get_response(self, path: str, scope: Any) -> Response:
        response = await super().get_response(path, scope)
        response.headers.setdefault("Cache-Control", "no-cache")
        return response


async def _answer(request: Request, error: Exception) -> Response:
    match error:
        case TreeholdError():
            problem = problems.of_ours(request, error)
        case HTTPException():
            problem = problems.of_http(request, error)
        case RequestValidationError():
            problem = problems.of_validation(request, error)
        case _:
            problem = problems.of_unhandled(request, error)
    if wants_page(request):
        return error_page(problem, await visitor_name(request))
    return problems.response(problem, error)


async def _answer_plainly(request: Request, error: Exception) -> Response:
    """For a server without pages."""
    assert isinstance(error, TreeholdError), "registered for nothing else"
    return problems.response(problems.of_ours(request, error), error)


async def _ask_to_sign_in(request: Request, _: Exception) -> Response:
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(path, safe='')}", status_code=303)


def _operation_id(route: APIRoute) -> str:
    return route.name


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _drop_unused_validation_errors(schema)
        parts = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas: dict[str, Any] = schema["components"]["schemas"]
        schemas.update(parts.pop("$defs", {}))
        schemas["ProblemDetails"] = parts
        app.openapi_schema = schema
    return app.openapi_schema


def _drop_unused_validation_errors(schema: dict[str, Any]) -> None:
    """FastAPI describes a 422 of its own for every route with a path parameter; ours are 404 problems."""
    for operations in schema["paths"].values():
        for operation in operations.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)
