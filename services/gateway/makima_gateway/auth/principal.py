"""Who asks, and the door: every route asks here first, whether this caller may do this, to this contract."""

from dataclasses import dataclass
from typing import Annotated, Final, cast
from uuid import UUID

import orjson
from fastapi import Depends
from fastapi.routing import APIRoute
from makima_schemas.codec import encode
from makima_schemas.commands import Request
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import is_id
from makima_schemas.refusal import Refused
from makima_schemas.supervisor import RestartSupervisor
from starlette.requests import HTTPConnection

from makima_gateway.auth.ownership import Owners
from makima_gateway.auth.policy import API, POLICY, Role, Rule, Scope
from makima_gateway.auth.tokens import LOCAL_OWNER, Token, Tokens
from makima_gateway.http.problems import unknown_contract, unknown_daemon
from makima_gateway.read_model.queries import Queries, Visibility

SUBPROTOCOL: Final = "bearer."


@dataclass(frozen=True, slots=True)
class Principal:
    """`actor` is recorded with every event that this principal causes; `owner_id` owns what it creates; `visibility` is what it may see."""

    actor: str
    role: Role
    owner_id: str
    visibility: Visibility
    token_id: str

    @property
    def tenant(self) -> str:
        return self.visibility.tenant


@dataclass(frozen=True, slots=True)
class Access:
    """What a request is authorized with: the tokens, and whose a contract is."""

    tokens: Tokens
    owners: Owners
    queries: Queries


async def principal(connection: HTTPConnection) -> Principal:
    """The caller, let in. Raises `UNAUTHORIZED`, `FORBIDDEN`, and *not found* for what belongs to somebody else.

    A route without a row in the table lets nobody in.
    """
    route = cast("APIRoute", connection.scope["route"])
    asked = f"{connection.scope.get('method', 'WS')} {route.path.removeprefix(API)}"
    rule = POLICY[asked]
    access = cast("Access", connection.state.access)
    secret = _secret(connection, rule)
    token = None if secret is None else await access.tokens.find(secret)
    if token is None:  # missing, unknown or revoked: nobody learns which
        raise Refused(
            ErrorCode.UNAUTHORIZED, "a valid token is needed", hint="send Authorization: Bearer …; `makima token create` makes one"
        )
    caller = _principal(token)
    if caller.role not in rule.roles:
        roles = [role for role in Role if role in rule.roles]
        raise Refused(
            ErrorCode.FORBIDDEN, f"{asked} is not for the role {caller.role}", hint=f"it is for {' and '.join(roles)}", roles=list(roles)
        )
    await _check_scope(connection, access, rule, caller)
    return caller


CurrentPrincipal = Annotated[Principal, Depends(principal)]


def _principal(token: Token) -> Principal:
    owner = token.owner or LOCAL_OWNER
    visibility = Visibility(token.tenant, None if token.role is Role.ADMIN else token.owner, token.daemon_id)
    return Principal(f"{token.role}:{token.daemon_id or owner}", token.role, owner, visibility, token.id)


def _secret(connection: HTTPConnection, rule: Rule) -> str | None:
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if not rule.streams:
        return None
    offered: list[str] = connection.scope.get("subprotocols", [])
    spoken = next((name.removeprefix(SUBPROTOCOL) for name in offered if name.startswith(SUBPROTOCOL)), None)
    return spoken or connection.query_params.get("token")


async def _check_scope(connection: HTTPConnection, access: Access, rule: Rule, caller: Principal) -> None:
    """What the path names must be the caller's own. A name that is none is left to the route, which says what is wrong with it."""
    if caller.role is Role.ADMIN or rule.scope not in (Scope.CONTRACT, Scope.DAEMON):
        return
    name: str = connection.path_params["contract_id" if rule.scope is Scope.CONTRACT else "daemon_id"]
    if not is_id(name):
        return
    if rule.scope is Scope.CONTRACT:
        if not await may_see(access, caller.visibility, name):
            raise unknown_contract(name)
    elif not (name == caller.visibility.daemon_id or await access.queries.sees_daemon(caller.visibility, name)):
        raise unknown_daemon(name)


async def may_see(access: Access, visibility: Visibility, contract_id: str) -> bool:
    """Also a contract that is deleted stays its owner's: a repeated deletion gets its first answer."""
    if visibility.owner_id is not None and await access.owners.of(visibility.tenant, contract_id) != visibility.owner_id:
        return False
    return visibility.daemon_id is None or await access.queries.runs(visibility.tenant, contract_id, visibility.daemon_id)


def request_for(
    principal: Principal, command_id: UUID, target: str, command: ContractCommand | RestartSupervisor, expected_version: int | None = None
) -> Request:
    """What goes over the bus: `target` is the id of what the command is for."""
    return Request(
        command_id=command_id,
        target=target,
        data=cast("dict[str, object]", orjson.loads(encode(command))),
        actor=principal.actor,
        tenant=principal.tenant,
        expected_version=expected_version,
    )
