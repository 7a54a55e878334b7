"""A read that waits until the contract has another version than the caller has."""

import asyncio
from contextlib import suppress
from time import perf_counter
from typing import Annotated

from fastapi import Depends, Header, Request
from starlette.responses import Response

from makima_gateway.api.reads import ReadContext, Reading
from makima_gateway.auth.principal import Principal, check_again, turn_of
from makima_gateway.http.conditional import versions_known, wait_seconds
from makima_gateway.http.middleware import WAITED
from makima_gateway.http.responses import etag
from makima_gateway.read_model.rows import ContractRow
from makima_gateway.read_model.version_watch import Holder

IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=1000)]
Prefer = Annotated[str | None, Header(alias="Prefer", max_length=1000)]
APPLIED = "Preference-Applied"


class ConditionalRead:
    """What `If-None-Match` and `Prefer: wait=…` ask for.

    A waiting request holds no turn of its token. One token has a bounded number of them: one more is answered at
    once, as is everybody when the server stops.
    """

    def __init__(
        self, request: Request, read: ReadContext, if_none_match: str | None, prefer: str | None
    ) -> None:
        self._request = request
        self._read = read
        self._is_conditional = if_none_match is not None
        self._known = versions_known(if_none_match)
        self._seconds = wait_seconds(prefer) if self._is_conditional else 0.0

    def is_known(self, row: ContractRow) -> bool:
        """True if the caller has this version."""
        return self._is_conditional and (self._known is None or row.version in self._known)

    async def contract(self, contract_id: str) -> ContractRow:
        """The contract as it is, once the caller does not know that version, or has waited long enough.

        Raises `CONTRACT_NOT_FOUND`; after it waited, `UNAUTHORIZED`, `TOO_MANY_REQUESTS`.
        """
        read = self._read
        if not self._seconds:
            return await read.contract(contract_id)
        caller = read.principal
        holder = Holder(caller.token_id, _account(caller))
        with read.gateway.version_watch.waiter(holder, caller.tenant, contract_id, self._known) as waiter:
            row = await read.contract(contract_id)
            if waiter is None or not self.is_known(row):
                return row
            await self._wait(waiter.changed)
        read.headers[APPLIED] = f"wait={self._seconds:g}"
        await check_again(self._request, caller, contract_id)
        return await read.contract(contract_id)

    def not_modified(self, row: ContractRow) -> Response:
        return Response(status_code=304, headers=self._read.headers | etag(row.version))

    async def _wait(self, changed: asyncio.Event) -> None:
        """Until the contract has changed, the time is over, or the client has gone."""
        began = perf_counter()
        async with turn_of(self._request).given_back():
            gone = asyncio.ensure_future(self._gone())
            waiting = asyncio.ensure_future(changed.wait())
            try:
                await asyncio.wait(
                    {gone, waiting}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                for task in (gone, waiting):
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
                setattr(self._request.state, WAITED, perf_counter() - began)

    async def _gone(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass


def _account(caller: Principal) -> str:
    """Whose share a waiting read takes, whatever the token: its daemon's, or its owner's."""
    daemon_id = caller.visibility.daemon_id
    whose = f"owner:{caller.owner_id}" if daemon_id is None else f"daemon:{daemon_id}"
    return f"{caller.tenant}:{whose}"


async def _conditional(
    request: Request, read: Reading, if_none_match: IfNoneMatch = None, prefer: Prefer = None
) -> ConditionalRead:
    return ConditionalRead(request, read, if_none_match, prefer)


Conditional = Annotated[ConditionalRead, Depends(_conditional)]
