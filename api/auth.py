"""Who asks: a bearer key, or for pages a cookie.

The cookie holds the API key itself. A session of its own would have to be stored, shared by all API
processes and ended when its key is revoked; the key needs none of that, since every request is checked
against it. Scripts cannot read the cookie (`HttpOnly`), other sites cannot have it sent
(`SameSite=Strict`), and it ends with the browser. What it authenticates besides reading must also come
from one of our own pages (`Origin`).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from api import hosts
from api.ports import ApiServices
from core.errors import AccessDenied, TreeholdError
from core.settings import Settings
from orchestrator.services.principal import Principal

COOKIE = "treehold_key"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_bearer = HTTPBearer(auto_error=False, scheme_name="key", description="An API key.")
_cookie = APIKeyCookie(
    name=COOKIE, auto_error=False, scheme_name="page", description="An API key, set by signing in."
)


class SignInNeeded(Exception):
    """A page was asked for without a key that is valid."""


def services_of(request: Request) -> ApiServices:
    services: ApiServices = request.app.state.services
    return services


Services = Annotated[ApiServices, Depends(services_of)]


async def authenticate(
    request: Request,
    services: Services,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    cookie: Annotated[str | None, Security(_cookie)],
) -> Principal:
    """Raises `AccessDenied`: no key, an unknown one, or a cookie brought along by another site's page."""
    if "authorization" in request.headers:
        if bearer is None:
            raise AccessDenied("use `Authorization: Bearer KEY`", code="missing_key")
        return await services.keys.authenticate(bearer.credentials)
    if not cookie:
        raise AccessDenied("this needs an API key: `Authorization: Bearer KEY`", code="missing_key")
    if request.method not in SAFE_METHODS:
        require_same_origin(request, services)
    return await services.keys.authenticate(cookie)


async def authenticate_page(request: Request, services: Services) -> Principal:
    """Raises `SignInNeeded` in place of `AccessDenied`: a person is asked for the key."""
    key = request.cookies.get(COOKIE)
    if not key:
        raise SignInNeeded
    try:
        return await services.keys.authenticate(key)
    except AccessDenied as error:
        raise SignInNeeded from error


async def visitor_name(request: Request) -> str | None:
    """Who is signed in, for a page that anyone may see."""
    try:
        return (await authenticate_page(request, services_of(request))).name
    except (SignInNeeded, TreeholdError):
        return None


Caller = Annotated[Principal, Depends(authenticate)]
Visitor = Annotated[Principal, Depends(authenticate_page)]


def require_same_origin(request: Request, services: Services) -> None:
    """Raises `AccessDenied` unless one of our own pages made the request."""
    if not hosts.same_origin(request.headers, services.settings):
        raise AccessDenied("this request came from another site's page", code="cross_origin")


def remember(request: Request, response: Response, key: str, settings: Settings) -> None:
    """`Secure` where the public address is in use and has TLS; the same server may also be used locally."""
    public = hosts.origin_of(settings.public_url) if settings.public_url else ""
    secure = public == f"https://{request.headers['host']}"
    response.set_cookie(COOKIE, key, httponly=True, samesite="strict", secure=secure, path="/")


def forget(response: Response) -> None:
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", path="/")
