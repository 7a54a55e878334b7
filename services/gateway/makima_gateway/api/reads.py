"""The dependency of every GET route: waits until the read model shows `Makima-Min-Position`.

If it does not get there within `MIN_POSITION_TIMEOUT_SECONDS`, the response carries `Makima-Read-Behind:
true`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Header, Path, Query
from makima_kernel.event_log.log import MAX_POSITION
from makima_schemas.identity import ID_PATTERN
from starlette.responses import Response

from makima_gateway.api import serializers as views
from makima_gateway.api.context import CurrentGateway, Gateway
from makima_gateway.api.schemas.contracts import Contract
from makima_gateway.auth.principal import CurrentPrincipal, Principal
from makima_gateway.http import pagination as cursors
from makima_gateway.http.problems import unknown_contract
from makima_gateway.http.responses import READ_BEHIND, json_response
from makima_gateway.read_model.contract_rows import Row, contract_row_view
from makima_gateway.read_model.queries import Found
from makima_gateway.read_model.rows import ContractRow, SupervisorRow

R = TypeVar("R")

MIN_POSITION_TIMEOUT_SECONDS: Final = 2.0  # how long a request waits for the read model

ContractId = Annotated[str, Path(pattern=ID_PATTERN)]
TaskId = Annotated[str, Path(pattern=ID_PATTERN)]
QuestionId = Annotated[str, Path(pattern=ID_PATTERN)]
DeliverableId = Annotated[str, Path(pattern=ID_PATTERN)]
DaemonId = Annotated[str, Path(pattern=ID_PATTERN)]
AgentRole = Annotated[str, Path(pattern=ID_PATTERN)]
TokenId = Annotated[str, Path(pattern=ID_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=500)]
MAX_AGENTS: Final = 500  # of a contract, that are listed at once
At = Annotated[
    str | None,
    Query(
        max_length=64,
        description="a version of the contract, or an RFC 3339 time, of which to return the state",
    ),
]
MinPosition = Annotated[int | None, Header(alias="Makima-Min-Position", ge=0, le=MAX_POSITION)]


async def known_contract(gateway: Gateway, tenant: str, contract_id: str) -> ContractRow:
    """The contract's row in the read model. Raises `CONTRACT_NOT_FOUND`."""
    row = await gateway.queries.contract(tenant, contract_id)
    if row is None:
        raise unknown_contract(contract_id)
    return row


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a route needs to answer a request that only reads."""

    gateway: Gateway
    principal: Principal
    headers: dict[str, str]  # response headers: `Makima-Read-Behind`, if the read model is behind

    async def contract(self, contract_id: str) -> ContractRow:
        """The contract's row in the read model. Raises `CONTRACT_NOT_FOUND`."""
        return await known_contract(self.gateway, self.principal.tenant, contract_id)

    def view(self, row: ContractRow, supervisor: SupervisorRow | None) -> Contract:
        """The contract as the API shows it; its supervisor's latest heartbeat counts as activity."""
        feed, enhanced = self.gateway.latest_heartbeats, self.gateway.enhanced
        return views.contract(row, supervisor, feed, enhanced=enhanced)

    def row(self, row: ContractRow, supervisor: SupervisorRow | None) -> Row:
        feed, enhanced = self.gateway.latest_heartbeats, self.gateway.enhanced
        return contract_row_view(row, supervisor, feed, enhanced=enhanced)

    async def page_of(
        self,
        contract_id: str,
        of: cursors.List,
        *,
        find: Callable[[str, str, int, int], Awaitable[Found[R]]],  # by tenant, contract, after, limit
        place: Callable[[R], int],
        show: Callable[[R], object],
        limit: int,
        cursor: str | None,
    ) -> Response:
        """A page of what belongs to a contract, ordered by position. Raises `CONTRACT_NOT_FOUND`, and
        `INVALID_REQUEST` for a cursor of another list.
        """
        after = cursors.position(of, cursor) or 0
        await self.contract(contract_id)
        found = await find(self.principal.tenant, contract_id, after, limit + 1)
        return self.answer(cursors.page(found.rows, limit, of, place, show, cut=found.cut))

    def answer(self, body: object, *, version: int | None = None) -> Response:
        """A 200 response; `version` becomes its ETag."""
        return json_response(body, self.headers, version=version)


async def _read(
    gateway: CurrentGateway, principal: CurrentPrincipal, min_position: MinPosition = None
) -> ReadContext:
    behind = min_position is not None and not await gateway.projector.wait_for(
        min_position, MIN_POSITION_TIMEOUT_SECONDS
    )
    return ReadContext(gateway, principal, {READ_BEHIND: "true"} if behind else {})


Reading = Annotated[ReadContext, Depends(_read)]
