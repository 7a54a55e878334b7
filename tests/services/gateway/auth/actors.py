"""Everybody who may stand before the gateway's door, and every route that there is."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Final, cast

import httpx
from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute
from makima_gateway.api import routes
from makima_gateway.auth.policy import OPEN, Role
from makima_gateway.monitor.sse import MEDIA_TYPE as STREAM
from makima_schemas.daemon import DaemonConnected
from makima_schemas.errors import ErrorCode

from tests.generated.access import ASKERS, Asker
from tests.services.gateway.api.agent_events import join
from tests.services.gateway.harness import Gateways, authenticated_client, created
from tests.services.gateway.tokens import agent_client, client_as, run_by

ACCESS_REFUSALS: Final = {
    ErrorCode.UNAUTHORIZED,
    ErrorCode.FORBIDDEN,
    ErrorCode.CONTRACT_NOT_FOUND,
    ErrorCode.DAEMON_NOT_FOUND,
    ErrorCode.SUPERSEDED,
}
OWNER, DAEMON = "alice", "d1"
TOKENS: Final[Mapping[Asker, Mapping[str, object]]] = {
    asker: {
        Role.ADMIN: {},
        Role.OWNER: {"owner": OWNER if asker.own else "bob"},
        Role.VIEWER: {"owner": OWNER if asker.own else "bob"},
        Role.DAEMON: {"daemon_id": DAEMON if asker.own else "d2"},
    }[asker.role]
    for asker in ASKERS
    if asker.role not in (None, Role.AGENT)
}


def served() -> Iterator[str]:
    """The routes that there are, as the table names them."""
    for found in iter_modules(routes.__path__):
        for route in cast("APIRouter", import_module(f"{routes.__name__}.{found.name}").router).routes:
            if isinstance(route, APIWebSocketRoute):
                yield f"WS {route.path}"
            elif isinstance(route, APIRoute) and route.path not in OPEN:
                yield from (f"{method} {route.path}" for method in route.methods or ())


# What puts an end to the contract comes last.
ROUTES: Final = sorted(
    set(served()), key=lambda route: (route.endswith(("/fail", "/complete", "/archive")), route)
)


@dataclass(frozen=True)
class Actors:
    """Everybody, by their tokens; the contract is alice's, and d1 runs it."""

    contract: str
    others: str  # a contract of the administrator's, of which one of the agents is
    clients: Mapping[Asker, httpx.AsyncClient]
    socket: str

    def path(self, route: str, contract: str | None = None, daemon: str = DAEMON) -> str:
        names = {
            "task_id": "t1",
            "deliverable_id": "plan-document",
            "question_id": "q1",
            "role": "builder",
            "token_id": "nobodys",
            "letter_id": "999999",
            "window_id": "daemon:nobody",
        }
        return route.partition(" ")[2].format(
            contract_id=contract or self.contract, daemon_id=daemon, **names
        )

    async def ask(
        self, asker: Asker, route: str, contract: str | None = None, daemon: str = DAEMON
    ) -> httpx.Response:
        method = route.partition(" ")[0]
        said: dict[str, object] | None = None if method == "GET" else {}
        if route.endswith("/leave"):
            said = {"connection_id": 0}  # it is not to leave: others would ask nothing more with its token
        async with self.clients[asker].stream(
            method, self.path(route, contract, daemon), json=said
        ) as answer:
            if not answer.headers.get("Content-Type", "").startswith(STREAM):  # which would go on for ever
                await answer.aread()
            return answer


@asynccontextmanager
async def before_the_door(gateways: Gateways, http: httpx.AsyncClient) -> AsyncGenerator[Actors]:
    """Everybody, with a token of its own. `http` is an administrator's."""
    await gateways.append(f"daemon-{DAEMON}", DaemonConnected("one"))
    async with AsyncExitStack() as opened:
        clients: dict[Asker, httpx.AsyncClient] = {}
        for asker in ASKERS:
            if asker.role is None:
                clients[asker] = await opened.enter_async_context(
                    authenticated_client(None, str(http.base_url))
                )
            elif asker.role is not Role.AGENT:
                clients[asker] = await opened.enter_async_context(
                    client_as(http, asker.role, **TOKENS[asker])
                )
        owner = next(clients[asker] for asker in ASKERS if asker.role is Role.OWNER and asker.own)
        contract = await run_by(gateways, DAEMON, owner)
        others = str((await created(http))["id"])
        for asker in ASKERS:
            if asker.role is Role.AGENT:
                clients[asker] = await opened.enter_async_context(
                    agent_client(
                        http,
                        contract if asker.own else others,
                        asker.speaks_as,
                        "k1" if asker.speaks_as == "supervisor" else "old" if asker.replaced else "new",
                    )
                )
        await join(gateways, contract, "builder", "old")
        position = await join(gateways, contract, "builder", "new")
        seen = await owner.get(f"/contracts/{contract}", headers={"Makima-Min-Position": str(position)})
        assert "Makima-Read-Behind" not in seen.headers
        yield Actors(contract, others, clients, gateways.sockets[0].partition("?")[0])
