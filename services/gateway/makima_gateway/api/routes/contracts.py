"""Creates, lists, shows and deletes contracts."""

import re
from datetime import timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from makima_schemas.contract.commands import CreateContract, DeleteContract
from makima_schemas.contract.model import ContractStatus
from makima_schemas.refusal import over_quota
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import Response

from makima_gateway.api import serializers as views
from makima_gateway.api.as_it_was import contract_as_it_was
from makima_gateway.api.changes import Conditional
from makima_gateway.api.contract_listing import ContractListing
from makima_gateway.api.reads import ContractId, Reading
from makima_gateway.api.schemas.contracts import Contract, ContractPage, NewContract, RowPage
from makima_gateway.api.whole_contract import next_gate, whole_contract
from makima_gateway.api.writes import WriteContext, Writing
from makima_gateway.http.bodies import Text
from makima_gateway.http.problems import invalid
from makima_gateway.read_model.legacy_status import shown_status
from makima_gateway.read_model.queries import Filter
from makima_gateway.read_model.sorted_contracts import Sort

router = APIRouter(tags=["contracts"])
_DURATION: Final = re.compile(r"^(\d{1,9})([smhd])$")
_UNIT: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MOST_DAYS: Final = 36_500  # a longer threshold counts as this one: Postgres could not subtract it from now


def _statuses(text: str) -> str:
    """Raises `ValueError` if a name in the comma list is no status."""
    for name in text.split(","):
        if name.strip() not in set(ContractStatus):
            raise ValueError(f"{name.strip()!r} is not one of {', '.join(ContractStatus)}")
    return text


class ListQuery(BaseModel):
    """Query parameters of the list.

    All filters must match; an unknown parameter is refused instead of ignored.
    """

    model_config = ConfigDict(extra="forbid")

    status: (
        Annotated[
            list[Annotated[str, AfterValidator(_statuses)]],
            Field(description="a comma-separated list; a repeated parameter adds to it"),
        ]
        | None
    ) = None
    phase: Text | None = None
    stale: bool | None = None
    waiting: (
        Annotated[bool, Field(description="only contracts in, or not in, the status waiting_for_input")]
        | None
    ) = None
    threshold: (
        Annotated[str, Field(description="only contracts without activity for this time, e.g. 30m, 2h, 7d")]
        | None
    ) = None
    q: (
        Annotated[
            Text,
            Field(
                max_length=200,
                description="a text in the name, or in the first 500 characters of the description; case-insensitive",
            ),
        ]
        | None
    ) = None
    view: (
        Annotated[Literal["row"], Field(description="`row`: short rows, as the monitor's `Rows` has them")]
        | None
    ) = None
    sort: (
        Annotated[
            Sort,
            Field(
                description="`needs`: what waits for a person first; `progress_at`: moved longest ago first; "
                "`created_at`: newest first, as without it; `name`"
            ),
        ]
        | None
    ) = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str, Field(max_length=500)] | None = None


@router.post("/contracts", status_code=201, response_model=Contract)
async def create_contract(body: NewContract, write: Writing) -> Response:
    command = CreateContract(
        name=body.name,
        owner_id=write.principal.owner_id,
        contract_type=body.contract_type,
        description=body.description,
        phases=body.phases,
        phase_guard=body.phase_guard,
        auto_complete_enabled=body.auto_complete_enabled,
        stale_after_seconds=body.stale_after_seconds,
    )
    contract_id = write.new_id("contract")
    await _check_quota(write, contract_id)
    written = await write.send(contract_id, command)
    return await write.contract(written, status=201)


@router.get("/contracts", response_model=ContractPage | RowPage)
async def list_contracts(query: Annotated[ListQuery, Query()], read: Reading) -> Response:
    wanted = Filter(
        status=_meant(query.status, enhanced=read.gateway.enhanced),
        phase=query.phase,
        waiting=query.waiting,
        stale=query.stale,
        threshold=_duration(query.threshold),
        q=query.q,
    )
    listing = ContractListing(read, wanted, query.limit)
    page, total = await listing.page(query.sort, query.cursor, short=query.view is not None)
    return read.answer({**page, "total": total})


@router.get(
    "/contracts/{contract_id}",
    response_model=Contract,
    responses={304: {"description": "The contract still has a version of `If-None-Match`."}},
)
async def show_contract(
    contract_id: ContractId,
    read: Reading,
    conditional: Conditional,
    at: Annotated[
        str | None,
        Query(max_length=64, description="a version or an RFC 3339 time of which to return the state"),
    ] = None,
) -> Response:
    """With `If-None-Match: "<version>"` and `Prefer: wait=<seconds>` (at most 30), the answer waits until the contract
    has another version: the time over, it is 304. It comes at once, without `Preference-Applied`, if this token has too many
    requests that wait.
    """
    if at is not None:
        row, then = await contract_as_it_was(read, contract_id, at)
        gate = next_gate(row, then.tasks.values())
        view = views.contract(row, next_gate=gate, enhanced=read.gateway.enhanced)
        return read.answer(view, version=row.version)
    row = await conditional.contract(contract_id)
    if conditional.is_known(row):
        return conditional.not_modified(row)
    return read.answer(await whole_contract(read.gateway, row), version=row.version)


@router.delete("/contracts/{contract_id}", status_code=204)
async def delete_contract(contract_id: ContractId, write: Writing) -> Response:
    written = await write.send(contract_id, DeleteContract())
    return Response(status_code=204, headers=written.headers)


async def _check_quota(write: WriteContext, contract_id: str) -> None:
    """Raises `QUOTA_EXCEEDED` if the owner has all the open contracts that it may have.

    The count comes from the read model, so many requests at once can pass it by a few. A repeat passes.
    """
    owner, tenant = write.principal.owner_id, write.principal.tenant
    used = await write.gateway.queries.open_contracts(tenant, owner)
    limit = write.gateway.settings.quotas.open_contracts
    if used < limit or await write.gateway.owners.of(tenant, contract_id) is not None:
        return
    raise over_quota(
        "open_contracts",
        limit=limit,
        used=used,
        detail=f"{owner} has {used} open contracts, and may have {limit}",
        instead="complete, fail or archive some",
    )


def _meant(statuses: list[str] | None, *, enhanced: bool) -> list[str] | None:
    """The stored statuses that the `status` filter selects.

    Without the feature flag, clients see only the three legacy statuses: select each status that is shown as
    one of the named ones.
    """
    if statuses is None:
        return None
    named = {name.strip() for text in statuses for name in text.split(",")}
    return [status for status in ContractStatus if shown_status(status, enhanced=enhanced) in named]


def _duration(text: str | None) -> timedelta | None:
    """A duration such as `30m`, `2h` or `7d`, at most `_MOST_DAYS` long. Raises `INVALID_REQUEST`."""
    if text is None:
        return None
    match = _DURATION.match(text)
    if match is None:
        raise invalid(
            "query.threshold", "is not a duration", hint="send a number with the unit s, m, h or d, e.g. 30m"
        )
    try:
        duration = timedelta(**{_UNIT[match[2]]: int(match[1])})
    except OverflowError:
        duration = timedelta.max
    return min(duration, timedelta(days=_MOST_DAYS))
