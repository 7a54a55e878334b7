"""Waits until a contract changes, without asking again and again: a request that the server holds open."""

import asyncio
from typing import Final

from makima_sdk.clock import elapsed
from makima_sdk.http import NOT_MODIFIED, Sender
from makima_sdk.models import Contract, read
from makima_sdk.paths import path

WAIT_SECONDS: Final = 25  # the server waits for at most 30
RESPONSE_SECONDS: Final = 15.0  # within which the answer comes after the wait
# Where the server does not wait (an older one, or one with too many waiting requests), ask this often.
FALLBACK_POLL_SECONDS: Final = 5.0
ANSWERED_AT_ONCE_SECONDS: Final = 1.0


class ContractChanges:
    """The states of one contract, as they come: each call answers with one that the caller has not seen.

    Raises as `Contracts` does.
    """

    def __init__(self, http: Sender, contract_id: str) -> None:
        self._http = http
        self._route = path("contracts", contract_id)
        self._version: int | None = None  # newest that a call answered with

    def forget(self) -> None:
        """Make the next call answer at once: the caller has more to do with the contract as it is."""
        self._version = None

    async def next(self) -> Contract:
        """The contract as it is now, at first; then again once its version has changed."""
        while True:
            headers = {} if self._version is None else self._waiting(self._version)
            began = elapsed()
            answer = await self._http.send(
                "GET", self._route, headers=headers, timeout=WAIT_SECONDS + RESPONSE_SECONDS
            )
            if answer.status != NOT_MODIFIED:
                # Not the ETag, which a proxy may leave out or change: the version that stands in the body.
                contract = read(Contract, answer.body)
                if contract.version != self._version:
                    self._version = contract.version
                    return contract
            if elapsed() - began < ANSWERED_AT_ONCE_SECONDS:
                await asyncio.sleep(FALLBACK_POLL_SECONDS)

    @staticmethod
    def _waiting(version: int) -> dict[str, str]:
        return {"If-None-Match": f'"{version}"', "Prefer": f"wait={WAIT_SECONDS}"}
