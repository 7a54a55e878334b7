"""Assembles the FastAPI application: routes, authorization, problem documents, middleware."""

from functools import cache
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from makima_gateway.api.context import Gateway
from makima_gateway.api.openapi.document import document
from makima_gateway.api.openapi.page import STYLE, page
from makima_gateway.api.routes import (
    agent_steps,
    agent_tokens,
    agents,
    batch,
    completion,
    contracts,
    daemons,
    dashboard,
    dead_letters,
    diagnosis,
    events,
    export,
    health,
    lifecycle,
    maintenance,
    monitor,
    needs_you,
    phases,
    questions,
    series,
    session,
    supervisor_state,
    supervisors,
    system,
    tasks,
    tokens,
)
from makima_gateway.auth.browser import Origins
from makima_gateway.auth.policy import API
from makima_gateway.auth.principal import Access, admitted, principal
from makima_gateway.auth.sign_in_links import SignInLinks
from makima_gateway.http import problems
from makima_gateway.http.hosts import Hosts
from makima_gateway.http.middleware import RequestMiddleware
from makima_gateway.http.no_store import NoStore
from makima_gateway.http.problems import ProblemDetails
from makima_gateway.http.turns import Turns
from makima_gateway.web import page as web

DESCRIPTION: Final = "Contracts for AI coding agents, with their supervisors, daemons and events. Every error is an RFC 9457 problem with a stable `code`."
_PROBLEM: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "model": ProblemDetails,
        "description": "Any other error; `code` names it",
        "content": {problems.MEDIA_TYPE: {}},
    }
}

# Included in this order. `monitor`, `dashboard` and `batch` come before `contracts`, as FastAPI takes the
# first route that matches: else `/contracts/{contract_id}` would catch `/contracts/dashboard`.
PARTS: Final = (
    monitor,
    dashboard,
    needs_you,
    batch,
    contracts,
    lifecycle,
    phases,
    completion,
    tasks,
    questions,
    events,
    export,
    supervisors,
    supervisor_state,
    agents,
    agent_steps,
    agent_tokens,
    diagnosis,
    daemons,
    system,
    dead_letters,
    series,
    maintenance,
    tokens,
)


def application(gateway: Gateway) -> ASGIApp:
    """The application that a gateway process serves."""
    app = routed()
    limits = gateway.settings.http
    access = Access(
        gateway.tokens,
        gateway.sessions,
        Origins(limits.allowed_origins),
        gateway.owners,
        gateway.queries,
        Hosts((gateway.settings.host, *limits.allowed_hosts)),
        Turns(limits.requests_at_once_per_token, limits.request_wait_seconds),
        gateway.agents,
    )
    state = {"gateway": gateway, "access": access}

    async def serving(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {}).update(state)
        await app(scope, receive, send)

    return serving


@cache  # a third of a second to make, and the same for every gateway of a process
def routed() -> FastAPI:
    """The application with its routes but no `Gateway`: enough to generate the OpenAPI document."""
    app = FastAPI(
        # FastAPI's own telemetry would add five spans per request to that of RequestMiddleware, and cost more
        # time than the request itself.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        title="makima",
        version="1",
        description=DESCRIPTION,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # FastAPI's page loads its scripts from another host
        redoc_url=None,
        redirect_slashes=False,
        responses=_PROBLEM,
        generate_unique_id_function=lambda route: route.name,
    )
    problems.install(app)
    api = APIRouter(dependencies=[Depends(principal)])  # so that no route lacks authorization
    for part in PARTS:
        api.include_router(part.router)
    app.include_router(api, prefix=API)
    app.include_router(health.router)
    app.include_router(session.router, prefix=API)
    app.add_middleware(SignInLinks)
    app.add_middleware(RequestMiddleware, admission=admitted)
    app.add_middleware(NoStore)
    app.openapi = lambda: document(app)

    async def docs(_request: Request) -> Response:
        return Response(page(app), media_type="text/html")

    async def style(_request: Request) -> Response:
        return Response(STYLE, media_type="text/css")

    app.add_route("/docs", docs, include_in_schema=False)
    app.add_route("/docs/style.css", style, include_in_schema=False)
    app.router.routes.extend(web.routes())
    return app
