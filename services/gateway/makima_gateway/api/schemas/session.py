"""Request and response schemas of who is signed in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from makima_gateway.auth.policy import Role
from makima_gateway.http.bodies import Body

Secret = Annotated[str, Field(min_length=1, max_length=512)]


class SignIn(Body):
    """A token or a one-time code; `token` may be either, as a person who pastes one need not know which."""

    token: Secret | None = None
    code: Secret | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.token is None) == (self.code is None):
            raise ValueError("send token or code, and not both")
        return self

    @property
    def secret(self) -> str:
        return self.token or self.code or ""


@dataclass(frozen=True, slots=True)
class SignInCode:
    """A new one-time code, a secret that only this response shows. It signs a browser in once, until `expires_at`."""

    code: str
    path: str  # of the link, after the gateway's address
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Me:
    """The caller. `may`: the operations that its role may call, as this document names them."""

    role: Role
    owner: str | None  # null: of all owners
    token_id: str
    may: list[str]
    context: str | None  # the name of this system, as its operator set it (`http.context`)
    demo: bool = False  # a demo fleet runs beside it (`http.demo`)


@dataclass(frozen=True, slots=True)
class SessionState:
    """`me` is null for who is not signed in."""

    signed_in: bool
    me: Me | None
