"""Who asks. Until there are tokens everybody who can reach 127.0.0.1 is the local administrator; routes already depend on the answer."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import Depends
from makima_schemas.identity import DEFAULT_TENANT

Role = Literal["admin", "owner", "daemon", "viewer"]


@dataclass(frozen=True, slots=True)
class Principal:
    """`actor` is recorded with every event that this principal causes; `owner_id` owns what it creates."""

    actor: str
    role: Role
    owner_id: str
    tenant: str = DEFAULT_TENANT

    @property
    def sees_owner(self) -> str | None:
        """Whose contracts it sees; null: everybody's."""
        return None if self.role == "admin" else self.owner_id


LOCAL_ADMIN: Final = Principal(actor="local-admin", role="admin", owner_id="local")


async def principal() -> Principal:
    """The dependency that tokens will answer."""
    return LOCAL_ADMIN


Asker = Annotated[Principal, Depends(principal)]
