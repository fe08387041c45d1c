"""Rendering of the viewer's pages, and when an error is one."""

from __future__ import annotations

from pathlib import Path

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from api.problems import ProblemDetails
from viewer import TEMPLATES

_OWN = Path(__file__).parent / "templates"
_MACHINE_PATHS = ("/v1", "/static", "/healthz", "/readyz")

environment = Environment(
    loader=FileSystemLoader([TEMPLATES, _OWN]), autoescape=True, undefined=StrictUndefined
)


def page(template: str, /, status_code: int = 200, **context: object) -> HTMLResponse:
    return HTMLResponse(environment.get_template(template).render(**context), status_code=status_code)


def error_page(problem: ProblemDetails, principal_name: str | None) -> HTMLResponse:
    """With the head that every page has for whoever is signed in."""
    return page(
        "error.html",
        problem.status,
        status=problem.status,
        title=problem.title,
        detail=problem.detail,
        principal_name=principal_name,
    )


def wants_page(request: Request) -> bool:
    """Whether a person looks at the answer in a browser."""
    path = request.url.path
    return not path.startswith(_MACHINE_PATHS) and "text/html" in request.headers.get("accept", "")
