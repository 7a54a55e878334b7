"""Restricts a daemon's commands to the contracts that are assigned to it."""

from makima_schemas.commands import Request
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_contract.queries import Queries


class Authorization:
    """Checks a daemon's commands against the table of assignments."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def check(self, daemon_id: str, request: Request) -> None:
        """Raises `Refused(CONTRACT_NOT_FOUND)` if the contract is not the daemon's.

        The text equals the decider's for a contract that does not exist, so that a daemon cannot find out
        which other contracts exist.
        """
        if not await self._queries.runs(request.tenant, request.target, daemon_id):
            raise Refused(ErrorCode.CONTRACT_NOT_FOUND, "there is no such contract")
