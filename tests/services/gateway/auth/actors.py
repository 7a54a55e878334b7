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
from makima_schemas.contract.events import TaskCreated
from makima_schemas.daemon import DaemonConnected
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import SupervisorState, SupervisorStateChanged
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from tests.generated.access import ASKERS, TASK, Asker, TaskFor, calls
from tests.services.gateway.api.agent_events import join, leave
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
LEFT = "writer"  # the role of the agent that has left; in the path of its calls, too
# What a call about a task says besides its connection.
STEPS: Final[Mapping[str, dict[str, object]]] = {
    "complete": {"success": True},
    "handoff": {"to_role": "tester"},
}
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

    def path(
        self,
        route: str,
        contract: str | None = None,
        daemon: str = DAEMON,
        *,
        role: str = "builder",
        task: str = "t1",
    ) -> str:
        names = {
            "task_id": task,
            "deliverable_id": "plan-document",
            "question_id": "q1",
            "role": role,
            "token_id": "nobodys",
            "letter_id": "999999",
            "window_id": "daemon:nobody",
        }
        return route.partition(" ")[2].format(
            contract_id=contract or self.contract, daemon_id=daemon, **names
        )

    async def ask(
        self,
        asker: Asker,
        route: str,
        contract: str | None = None,
        daemon: str = DAEMON,
        *,
        task: TaskFor = TaskFor.ROLE,
    ) -> httpx.Response:
        """`task`: whose task the call is about. Each asker has one of each kind for each route."""
        method = route.partition(" ")[0]
        said: dict[str, object] | None = None if method == "GET" else {}
        if route.endswith("/leave"):
            said = {"connection_id": 0}  # it is not to leave: others would ask nothing more with its token
        if TASK in route:
            step = _step(route)
            said = {"role": _role(asker)} if step == "claim" else STEPS.get(step, {})
        path = self.path(
            route, contract, daemon, role=LEFT if asker.left else "builder", task=_task(route, asker, task)
        )
        async with self.clients[asker].stream(method, path, json=said) as answer:
            if not answer.headers.get("Content-Type", "").startswith(STREAM):  # which would go on for ever
                await answer.aread()
            return answer


def _role(asker: Asker) -> str:
    return LEFT if asker.left else asker.speaks_as


def _connection(asker: Asker) -> str:
    if asker.speaks_as == SUPERVISOR_ROLE:
        return "k1" if asker.replaced else "k2"
    if asker.left:
        return "a1"
    return "old" if asker.replaced else "new"


def _step(route: str) -> str:
    return route.rpartition("/")[2]


def _task(route: str, asker: Asker, task: TaskFor) -> str:
    return f"{_step(route)}-{task}-{ASKERS.index(asker)}" if TASK in route else "t1"


def _tasks() -> Iterator[TaskCreated]:
    """A task for each call about one: what one asker does to it is not to change what the next one hears."""
    for route in [route for route in ROUTES if TASK in route]:
        for asker, task in calls(route):
            role = LEFT if asker.left and task is TaskFor.ROLE else task
            yield TaskCreated(
                _task(route, asker, task),
                "a task",
                "plan",
                None if task is TaskFor.ANYBODY else role,
                is_supervisor=task is TaskFor.SUPERVISOR,
            )


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
                        _role(asker),
                        _connection(asker),
                    )
                )
        await join(gateways, contract, "builder", "old")
        await join(gateways, contract, "builder", "new")
        await join(gateways, contract, LEFT, "a1")
        await leave(gateways, contract, LEFT)
        working, waiting = SupervisorState.WORKING, SupervisorState.WAITING_FOR_TASKS
        newer = SupervisorStateChanged(contract, DAEMON, "k2", working, waiting, "plan", "heartbeat")
        await gateways.append(f"supervisor-s-{contract}", newer)
        position = await gateways.append(f"contract-{contract}", *_tasks())
        seen = await owner.get(f"/contracts/{contract}", headers={"Makima-Min-Position": str(position)})
        assert "Makima-Read-Behind" not in seen.headers
        yield Actors(contract, others, clients, gateways.sockets[0].partition("?")[0])
