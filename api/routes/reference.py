"""The API's reference as a page, made from the OpenAPI document: no script, nothing loaded from elsewhere."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages import page

router = APIRouter(include_in_schema=False)


@router.get("/v1/docs")
async def reference_page(request: Request) -> Response:
    document: dict[str, Any] = request.app.openapi()
    operations = [
        {"method": method.upper(), "path": path, **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = {
        name: json.dumps(schema, indent=2, ensure_ascii=False)
        for name, schema in sorted(document["components"]["schemas"].items())
    }
    return page(
        "reference.html",
        title=document["info"]["title"],
        description=document["info"]["description"],
        operations=operations,
        schemas=schemas,
    )
