"""Authentication and authorization: checks the caller's token, and its role and scope against POLICY."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Final, cast
from uuid import UUID

import orjson
from fastapi import Depends
from fastapi.routing import APIRoute
from makima_kernel.telemetry import metrics
from makima_schemas.agent import AgentCommand
from makima_schemas.codec import encode
from makima_schemas.commands import Request
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.daemon import AdmitDaemon
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import agent_actor, is_id
from makima_schemas.refusal import Refused
from makima_schemas.silence import MaintenanceCommand
from makima_schemas.supervisor import RestartSupervisor, RestoreSupervisor, SaveState
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from starlette.requests import HTTPConnection
from starlette.types import Scope as StarletteScope

from makima_gateway.auth.agent_tokens import AgentIdentity, ended
from makima_gateway.auth.browser import Origins, session_of
from makima_gateway.auth.ownership import Owners
from makima_gateway.auth.policy import API, OPEN, POLICY, STREAMS, WITHOUT_TOKEN, Role, Rule, Scope, Speaker
from makima_gateway.auth.refusals import no_valid_token, not_its_role
from makima_gateway.auth.sessions import Sessions
from makima_gateway.auth.tokens import LOCAL_OWNER, Token, Tokens
from makima_gateway.http.hosts import Hosts
from makima_gateway.http.middleware import CALLER_ID
from makima_gateway.http.problems import unknown_contract, unknown_daemon
from makima_gateway.http.turns import Turn, Turns
from makima_gateway.read_model.agent_queries import AgentQueries
from makima_gateway.read_model.queries import Queries, Visibility

SUBPROTOCOL: Final = "bearer."
CALLER: Final = "caller"  # in a connection's state: the caller's valid token
SESSION: Final = "session"  # the id of its session, if the caller is a signed-in browser
TURN: Final = "turn"  # and the turn that its request holds


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller of a request."""

    actor: str  # `<role>:<daemon id or owner>`; recorded with each event that this caller causes
    role: Role
    owner_id: str  # the owner of the contracts that this caller creates
    visibility: Visibility  # restricts what this caller may read
    token_id: str
    agent: AgentIdentity | None = None  # of the role agent: whom it speaks for
    session_id: str | None = None  # of a signed-in browser; None: the token itself was sent

    @property
    def tenant(self) -> str:
        return self.visibility.tenant


@dataclass(frozen=True, slots=True)
class Access:
    """What authorization reads: tokens, contract owners, the read model; and the turns of each token.

    Held in `app.state.access`.
    """

    tokens: Tokens
    sessions: Sessions
    origins: Origins
    owners: Owners
    queries: Queries
    hosts: Hosts
    turns: Turns
    agents: AgentQueries


@asynccontextmanager
async def admitted(scope: StarletteScope) -> AsyncGenerator[None]:
    """Lets a request in before its body is read; holds one of the token's turns while it is served.

    A stream, which may last for days, holds none. Raises `MISDIRECTED_REQUEST` for another host, `UNAUTHORIZED`
    without a valid token, `TOO_MANY_REQUESTS` if the token has too many requests running.
    """
    connection = HTTPConnection(scope)
    access = cast("Access", connection.state.access)
    refusal = access.hosts.refusal(connection.headers.get("host"))
    if refusal is not None:
        raise refusal
    path = cast("str", scope["path"])
    if path in OPEN or not path.startswith(f"{API}/") or f"{scope.get('method')} {path}" in WITHOUT_TOKEN:
        yield
        return
    streams = path in STREAMS
    token, session_id = await _credentials(connection, access, streams=streams)
    if token is None:
        raise no_valid_token()
    scope["state"] |= {CALLER: token, CALLER_ID: token.id, SESSION: session_id}
    if streams:
        yield
        return
    async with access.turns.turn(token.id) as turn:
        scope["state"][TURN] = turn
        yield


async def principal(connection: HTTPConnection) -> Principal:
    """FastAPI dependency of every API route: the caller, authenticated and authorized.

    `admitted` has found its token. Raises `FORBIDDEN` for a role that may not call the route, and
    `CONTRACT_NOT_FOUND` or `DAEMON_NOT_FOUND` for another owner's contract or daemon, so that nobody learns
    that it exists. A route without a row in POLICY raises `KeyError`: forgetting the row denies access to
    everybody.
    """
    route = cast("APIRoute", connection.scope["route"])
    operation = f"{connection.scope.get('method', 'WS')} {route.path.removeprefix(API)}"
    rule = POLICY[operation]
    access = cast("Access", connection.state.access)
    caller = _principal(cast("Token", connection.state.caller), connection.scope["state"][SESSION])
    if caller.role not in rule.roles:
        roles = [role for role in Role if role in rule.roles]
        raise Refused(
            ErrorCode.FORBIDDEN,
            f"the role {caller.role} may not call {operation}",
            hint=f"use a token of the role {' or '.join(roles)}",
            roles=list(roles),
        )
    await _check_scope(connection, access, rule, caller)
    if caller.agent is not None:
        await _check_agent(connection, access, rule, caller.agent, caller)
    return caller


async def signed_in(connection: HTTPConnection) -> Principal | None:
    """The caller of a route that needs no token, if it sent a valid one all the same. Raises `FORBIDDEN` for another
    site's page.
    """
    access = cast("Access", connection.state.access)
    token, session_id = await _credentials(connection, access, streams=False)
    return None if token is None else _principal(token, session_id)


Requested = (
    ContractCommand
    | RestartSupervisor
    | SaveState
    | RestoreSupervisor
    | AgentCommand
    | AdmitDaemon
    | MaintenanceCommand
)
CurrentPrincipal = Annotated[Principal, Depends(principal)]


def _principal(token: Token, session_id: str | None) -> Principal:
    owner = token.owner or LOCAL_OWNER
    if token.agent is not None:
        actor = agent_actor(token.agent.contract_id, token.agent.role)
        return Principal(actor, token.role, owner, Visibility(token.tenant, owner), token.id, token.agent)
    visibility = Visibility(token.tenant, None if token.role is Role.ADMIN else token.owner, token.daemon_id)
    actor = f"{token.role}:{token.daemon_id or owner}"
    return Principal(actor, token.role, owner, visibility, token.id, None, session_id)


async def _credentials(
    connection: HTTPConnection, access: Access, *, streams: bool
) -> tuple[Token | None, str | None]:
    """The valid token of a request (null: it has none), and the id of its session, if it came by that."""
    secret = _secret(connection, streams=streams)
    if secret is not None:
        return await access.tokens.find(secret), None
    session = await session_of(connection, access.sessions, access.origins, streams=streams)
    return (session.token, session.id) if session else (None, None)


def _secret(connection: HTTPConnection, *, streams: bool) -> str | None:
    """The token from `Authorization: Bearer`; for streams also from the subprotocol or the query."""
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if not streams:
        return None
    offered: list[str] = connection.scope.get("subprotocols", [])
    subprotocol = next(
        (name.removeprefix(SUBPROTOCOL) for name in offered if name.startswith(SUBPROTOCOL)), None
    )
    return subprotocol or connection.query_params.get("token")


async def _check_scope(connection: HTTPConnection, access: Access, rule: Rule, caller: Principal) -> None:
    """Check that the caller may reach the contract or daemon in the path; raise *not found* otherwise.

    A malformed id passes this check: the route's own validation rejects it with the reason.
    """
    if caller.role is Role.ADMIN or rule.scope not in (Scope.CONTRACT, Scope.SERVES, Scope.DAEMON):
        return
    name: str = connection.path_params["daemon_id" if rule.scope is Scope.DAEMON else "contract_id"]
    if not is_id(name):
        return
    if caller.agent is not None:
        if name != caller.agent.contract_id:
            raise unknown_contract(name)
    elif rule.scope is not Scope.DAEMON:
        if not await may_see(access, caller.visibility, name, serves=rule.scope is Scope.SERVES):
            raise unknown_contract(name)
    elif not (
        name == caller.visibility.daemon_id or await access.queries.sees_daemon(caller.visibility, name)
    ):
        raise unknown_daemon(name)


async def _check_agent(
    connection: HTTPConnection, access: Access, rule: Rule, agent: AgentIdentity, caller: Principal
) -> None:
    """Check that an agent speaks for its own role, under a connection whose time is not over."""
    role = connection.path_params.get("role", agent.role)
    if rule.speaker is Speaker.OF_ROLE and role != agent.role:
        raise not_its_role(agent, role)
    if rule.speaker is Speaker.SUPERVISOR and agent.role != SUPERVISOR_ROLE:
        raise not_its_role(agent, SUPERVISOR_ROLE)
    over = ended(agent, await access.agents.one(caller.tenant, agent.contract_id, agent.role))
    code = ErrorCode.UNAUTHORIZED if over == "left" else rule.replaced
    if over is None or code is None:
        return
    metrics.http_refused.labels("token").inc()
    what = "has left" if over == "left" else "was replaced by a newer one"
    raise Refused(
        code,
        f"connection {agent.connection_id} of {agent.role}, for which the token was made, {what}",
        hint="end this process; a new one gets a token of its own from its daemon",
    )


def turn_of(connection: HTTPConnection) -> Turn:
    """The turn of its token that a request holds."""
    return cast("Turn", getattr(connection.state, TURN))


async def check_again(connection: HTTPConnection, caller: Principal, contract_id: str) -> None:
    """What was checked when a request came, after it has waited: the token may have been revoked meanwhile, the
    contract have gone to another daemon. Raises `UNAUTHORIZED`, `CONTRACT_NOT_FOUND`.
    """
    access = cast("Access", connection.state.access)
    ended = caller.session_id is not None and await access.sessions.ended([caller.session_id])
    if ended or await access.tokens.revoked([caller.token_id]):
        raise no_valid_token()
    if caller.role is not Role.ADMIN and not await may_see(access, caller.visibility, contract_id):
        raise unknown_contract(contract_id)


async def may_see(access: Access, visibility: Visibility, contract_id: str, *, serves: bool = False) -> bool:
    """True if the contract's owner and daemon are those that `visibility` names, if it names any; with `serves`, a
    daemon that serves the owner will do.

    A deleted contract keeps its owner, so that a repeated deletion with the same key gets the first answer,
    not a 404.
    """
    if visibility.owner_id is not None and not await access.owners.owns(
        visibility.tenant, visibility.owner_id, contract_id
    ):
        return False
    if visibility.daemon_id is None:
        return True
    reaches = access.queries.serves if serves else access.queries.runs
    return await reaches(visibility.tenant, contract_id, visibility.daemon_id)


def request_for(
    principal: Principal,
    command_id: UUID,
    target: str,
    command: Requested,
    expected_version: int | None = None,
) -> Request:
    """The request that carries a command over the bus.

    `target` is the id of the contract, supervisor task, agent or daemon, or `maintenance`.
    """
    return Request(
        command_id=command_id,
        target=target,
        data=cast("dict[str, object]", orjson.loads(encode(command))),
        actor=principal.actor,
        tenant=principal.tenant,
        expected_version=expected_version,
        token_id=principal.token_id,
    )
