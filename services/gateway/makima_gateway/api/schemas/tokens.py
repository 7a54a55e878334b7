"""Request and response schemas of tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from makima_schemas.contract.model import Id
from pydantic import AwareDatetime

from makima_gateway.auth.policy import Role
from makima_gateway.http.bodies import Body


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token. `token` and `nats_password` are secrets that only this response shows.

    `nats_user` and `nats_password` are null unless the role is daemon and makima manages the broker's users.
    """

    id: str
    token: str
    role: Role
    owner: str | None
    daemon_id: str | None
    expires_at: datetime | None  # null: has no end
    nats_user: str | None = None
    nats_password: str | None = None


@dataclass(frozen=True, slots=True)
class TokenView:
    id: str
    role: Role
    owner: str | None
    daemon_id: str | None
    created_at: datetime
    created_by: str  # the `actor` that created it, or `settings`
    revoked_at: datetime | None  # null: valid, until `expires_at`
    expires_at: datetime | None  # null: has no end
    last_used_at: datetime | None  # to a minute; null: never
    contract_id: str | None = None  # of an agent's token: the contract and the role that it speaks for
    agent_role: str | None = None


@dataclass(frozen=True, slots=True)
class TokenPage:
    items: list[TokenView]
    next_cursor: str | None


class NewToken(Body):
    """A token to create, for the contracts of `owner`.

    Without `owner`, a daemon's token is for the contracts of all owners. `daemon_id` is required for the role
    daemon and not allowed for any other. Without `expires_at`, an administrator's token has no end, and any
    other ends after `http.token_lifetime_days`.
    """

    role: Role
    owner: Id | None = None
    daemon_id: Id | None = None
    expires_at: AwareDatetime | None = None


class NewAgentToken(Body):
    """The process that gets the token: the connection id under which it joins."""

    connection_id: Id


@dataclass(frozen=True, slots=True)
class AgentToken:
    """A new token of an agent. `token` is a secret that only this response shows."""

    id: str
    token: str
    role: Literal["agent"]
    expires_at: datetime  # at the latest: it ends before, when its connection is replaced or has left
