"""What the routes of tokens take and answer."""

from dataclasses import dataclass
from datetime import datetime

from makima_schemas.contract.model import Id

from makima_gateway.auth.policy import Role
from makima_gateway.http.bodies import Body


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """`token` and `nats_password` are secrets: they are shown this once. Where the broker's users are kept elsewhere, a daemon's are null."""

    id: str
    token: str
    role: Role
    owner: str | None
    daemon_id: str | None
    nats_user: str | None = None
    nats_password: str | None = None


@dataclass(frozen=True, slots=True)
class TokenView:
    id: str
    role: Role
    owner: str | None
    daemon_id: str | None
    created_at: datetime
    created_by: str
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenPage:
    items: list[TokenView]
    next_cursor: str | None


class NewToken(Body):
    """`owner`: whose contracts it is for; a daemon's may leave it out. `daemon_id` is for the role daemon alone."""

    role: Role
    owner: Id | None = None
    daemon_id: Id | None = None
