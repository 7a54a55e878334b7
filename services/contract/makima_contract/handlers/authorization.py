"""Which contracts a daemon may command: those whose supervisor it runs; to it, the others do not exist."""

from makima_schemas.commands import Request
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_contract.queries import Queries


class Authorization:
    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def check(self, daemon_id: str, request: Request) -> None:
        """Raises `CONTRACT_NOT_FOUND`, in the decider's words."""
        if not await self._queries.runs(request.tenant, request.target, daemon_id):
            raise Refused(ErrorCode.CONTRACT_NOT_FOUND, "there is no such contract")
