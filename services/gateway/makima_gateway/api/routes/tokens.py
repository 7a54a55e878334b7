"""Creates, lists and revokes API tokens, for administrators. A token's secret is shown once."""

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from fastapi import APIRouter
from makima_kernel.credentials import new_secret
from makima_schemas import permissions
from makima_schemas.commands import Problem
from makima_schemas.daemon import AdmitDaemon
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from starlette.responses import Response

from makima_gateway.api.reads import Cursor, Limit, Reading, TokenId
from makima_gateway.api.schemas.tokens import IssuedToken, NewToken, TokenPage, TokenView
from makima_gateway.api.writes import WriteContext, Writing
from makima_gateway.auth.policy import Role
from makima_gateway.auth.principal import request_for
from makima_gateway.auth.tokens import LOCAL_OWNER, Token, Wanted
from makima_gateway.http import pagination as cursors
from makima_gateway.http.problems import invalid
from makima_gateway.http.responses import json_response

router = APIRouter(tags=["tokens"])
HEARTBEATS: Final = "supervisor_heartbeat"  # the service that owns daemons
ADMISSION_TIMEOUT_SECONDS: Final = 5.0
NOBODYS: Final = "_"  # in the subject of a heartbeat it means: no daemon; so no daemon may have this id


@router.post("/tokens", status_code=201, response_model=IssuedToken)
async def create_token(body: NewToken, write: Writing) -> Response:
    """A repeat with the same idempotency key is refused: the secret in the first response is not stored."""
    _check(body)
    owner = body.owner or (LOCAL_OWNER if body.role is Role.ADMIN else None)
    caller = write.principal
    secret, token_id = new_secret(), write.new_id("token")
    ends = _expiry(body, write.gateway.settings.http.token_lifetime_days)
    wanted = Wanted(token_id, caller.tenant, body.role, owner, body.daemon_id, caller.actor, ends)
    made = await write.gateway.tokens.create(wanted, secret)
    if made is None:
        detail = "a token was already created with this key, and its secret is shown only once"
        raise Refused(
            ErrorCode.IDEMPOTENCY_KEY_REUSED,
            detail,
            hint=f"revoke {token_id} and create another token with a new key",
        )
    if made.daemon_id is not None:
        await _admit(write, made.id, made.daemon_id, made.owner)
    structlog.get_logger().info(
        "token.created",
        token_id=made.id,
        role=made.role,
        owner=made.owner,
        daemon_id=made.daemon_id,
        expires_at=made.expires_at,
        by=caller.actor,
    )
    user = None if made.daemon_id is None else write.gateway.broker_logins.user(made.daemon_id, made.id)
    issued = IssuedToken(
        made.id,
        secret,
        made.role,
        made.owner,
        made.daemon_id,
        made.expires_at,
        user,
        None if user is None else secret,
    )
    return json_response(issued, status=201)


@router.get("/tokens", response_model=TokenPage)
async def list_tokens(read: Reading, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Oldest first; without the secrets, which are not stored."""
    after = cursors.position("tokens", cursor) or 0
    tokens = await read.gateway.tokens.page(read.principal.tenant, after, limit + 1)
    return read.answer(cursors.page(tokens, limit, "tokens", lambda row: row.number, _view))


@router.delete("/tokens/{token_id}", status_code=204)
async def revoke_token(token_id: TokenId, write: Writing) -> Response:
    """The token is invalid from the next request on, and monitor connections opened with it are closed.

    The last administrator's token cannot be revoked.
    """
    ended = await write.gateway.tokens.revoke(write.principal.tenant, token_id)
    if ended is not None:
        await write.gateway.broker_logins.cut_off_revoked()
        structlog.get_logger().info(
            "token.revoked", token_id=ended.id, role=ended.role, owner=ended.owner, by=write.principal.actor
        )
    return Response(status_code=204)


async def _admit(write: WriteContext, token_id: str, daemon_id: str, owner: str | None) -> None:
    """Records which owner the daemon serves, before anybody has its token. Raises `UNAVAILABLE`."""
    request = request_for(write.principal, write.command_id, daemon_id, AdmitDaemon(daemon_id, owner))
    reply = await write.gateway.bus.ask(
        HEARTBEATS, "admit_daemon", request, timeout=ADMISSION_TIMEOUT_SECONDS
    )
    if isinstance(reply, Problem):
        raise Refused(
            reply.code,
            f"the token is made, but whom its daemon serves was not recorded: {reply.detail}",
            hint=f"revoke the token {token_id} and make another under a new key",
        )


def _check(body: NewToken) -> None:
    match body.role:
        case Role.AGENT:
            raise invalid(
                "body.role",
                "agent is a role of one contract",
                hint="POST /api/v1/contracts/{id}/agents/{role}/token makes it",
            )
        case Role.DAEMON if body.daemon_id is None:
            raise invalid(
                "body.daemon_id",
                "is required for the role daemon",
                hint="send the daemon's id, e.g. laptop-1",
            )
        case Role.DAEMON if body.daemon_id == NOBODYS:
            raise invalid("body.daemon_id", f"{NOBODYS} is reserved", hint="choose another id")
        # A reply inbox is named after its service or daemon: this daemon could read that service's replies.
        case Role.DAEMON if body.daemon_id in {*permissions.USERS, *permissions.SYSTEM}:
            raise invalid(
                "body.daemon_id",
                f"{body.daemon_id} is the name of a broker user already",
                hint="choose another id",
            )
        case Role.OWNER | Role.VIEWER if body.owner is None:
            raise invalid(
                "body.owner",
                f"is required for the role {body.role}",
                hint="send the owner of the contracts that the token gives access to",
            )
        case _:
            pass
    if body.role is not Role.DAEMON and body.daemon_id is not None:
        raise invalid(
            "body.daemon_id",
            f"is not allowed for the role {body.role}",
            hint="leave it out, or create a token with the role daemon",
        )


def _expiry(body: NewToken, lifetime_days: float) -> datetime | None:
    """When the token ends; null: it has no end. Raises `INVALID_REQUEST` for a time that is past."""
    now = datetime.now(UTC)
    if body.expires_at is None:
        return None if body.role is Role.ADMIN else now + timedelta(days=lifetime_days)
    if body.expires_at <= now:
        raise invalid("body.expires_at", "is past", hint="name a time to come, or leave it out")
    return body.expires_at


def _view(token: Token) -> TokenView:
    return TokenView(
        token.id,
        token.role,
        token.owner,
        token.daemon_id,
        token.created_at,
        token.created_by,
        token.revoked_at,
        token.expires_at,
        token.last_used_at,
        token.contract_id,
        token.agent_role,
    )
