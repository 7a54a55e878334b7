"""The dependency of every writing route: sends a command and answers once the read model shows its result."""

import re
from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID, uuid5

from fastapi import Depends, Header
from makima_kernel.commands.router import snake_case
from makima_schemas.commands import Accepted, Problem, Reply
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from starlette.responses import Response
from uuid_utils.compat import uuid7

from makima_gateway.api.context import CurrentGateway, Gateway
from makima_gateway.api.reads import MIN_POSITION_TIMEOUT_SECONDS, known_contract
from makima_gateway.api.whole_contract import whole_contract
from makima_gateway.auth.principal import CurrentPrincipal, Principal, request_for
from makima_gateway.http.problems import invalid, unknown_contract
from makima_gateway.http.responses import POSITION, READ_BEHIND, json_response
from makima_gateway.read_model.history import AsItWas, as_it_was
from makima_gateway.read_model.rows import ContractRow

NAMESPACE: Final = UUID("5d1f1a0e-9a57-5f7b-9d53-3a6f0f1b7c21")  # of command ids made from idempotency keys
OWNER: Final = "contract"  # the service that owns contracts
_ETAG: Final = re.compile(r'^(?:W/)?(?:"([0-9]{1,18})"|([0-9]{1,18}))$')

IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255)]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=64)]


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The result of an accepted command."""

    contract_id: str
    version: int  # of the contract after this command
    position: int  # of its last event in the log
    behind: bool  # True: the read model has not reached `position`, within `MIN_POSITION_TIMEOUT_SECONDS` where it was waited for

    @property
    def headers(self) -> dict[str, str]:
        return {POSITION: str(self.position)} | ({READ_BEHIND: "true"} if self.behind else {})


@dataclass(frozen=True, slots=True)
class WriteContext:
    """What a route needs to perform one write.

    The ids of everything that the write creates are derived from its command id. So a repeat with the same
    idempotency key sends the same command and creates nothing twice.
    """

    gateway: Gateway
    principal: Principal
    command_id: UUID
    repeatable: bool  # True: the request has an idempotency key, so it may be a repeat
    if_match: int | None  # the version in `If-Match`; null: none, or `*`

    def new_id(self, kind: str) -> str:
        """The id of the `kind` (e.g. "task") that this write creates; nobody can compute it."""
        return self.gateway.ids.new_id(self.command_id, kind)

    async def known_contract(self, contract_id: str) -> ContractRow:
        """As `ReadContext.contract`."""
        return await known_contract(self.gateway, self.principal.tenant, contract_id)

    async def send(
        self, contract_id: str, command: ContractCommand, expected_version: int | None = None
    ) -> WriteResult:
        """Send the command and wait until the read model shows its result.

        Raises `Refused` with the problem that the owner answered, and `UNAVAILABLE` if it did not answer.
        """
        reply = await self.ask(contract_id, command, expected_version)
        if isinstance(reply, Problem):
            raise refused(reply)
        return await self.wait_until_readable(contract_id, reply)

    async def ask(
        self, contract_id: str, command: ContractCommand, expected_version: int | None = None
    ) -> Reply:
        """Send the command under this write's id; the owner's reply, also if it is a refusal."""
        request = request_for(
            self.principal, self.command_id, contract_id, command, self.expected(expected_version)
        )
        return await self.gateway.bus.ask(OWNER, snake_case(type(command).__name__), request)

    async def wait_until_readable(self, contract_id: str, accepted: Accepted) -> WriteResult:
        """Wait until the read model shows the command's position, so that the next read sees its result."""
        caught_up = await self.gateway.projector.wait_for(accepted.position, MIN_POSITION_TIMEOUT_SECONDS)
        return WriteResult(contract_id, accepted.version, accepted.position, behind=not caught_up)

    async def catch_up(self) -> None:
        """Wait until the read model shows all that the log has now. Raises `UNAVAILABLE` if it does not get there."""
        head = await self.gateway.log.head()
        if not await self.gateway.projector.wait_for(head, MIN_POSITION_TIMEOUT_SECONDS):
            detail = f"the read model is behind position {head}, at which this can be checked"
            raise Refused(ErrorCode.UNAVAILABLE, detail, hint="nothing was changed; send it again")

    def recorded(self, contract_id: str, accepted: Accepted) -> WriteResult:
        """Without a wait, for a write that is read from the log: of the read model the answer says whether it is behind."""
        behind = self.gateway.projector.position < accepted.position
        return WriteResult(contract_id, accepted.version, accepted.position, behind)

    async def contract(self, written: WriteResult, *, status: int = 200) -> Response:
        """A response with the contract at the version that this write made, also for a later repeat."""
        row = await self.contract_row(written)
        view = await whole_contract(self.gateway, row)
        return json_response(view, written.headers, status=status, version=row.version)

    async def is_current(self, written: WriteResult) -> bool:
        """True if the read model is at this write's version; if not, the answer is built from the log."""
        row = await self.gateway.queries.contract(self.principal.tenant, written.contract_id)
        return row is not None and row.version == written.version

    async def contract_row(self, written: WriteResult) -> ContractRow:
        """The contract's row at the version that this write made.

        Raises `CONTRACT_NOT_FOUND` if it is deleted there.
        """
        row = await self.gateway.queries.contract(self.principal.tenant, written.contract_id)
        if row is not None and row.version == written.version:
            return row
        then = (await self.as_of(written)).contract
        if then is None:
            raise unknown_contract(written.contract_id)
        # these come from other streams, which have no such version: take their current values
        if row is not None:
            then.stale, then.completion_detected_at, then.supervisor_task_id = (
                row.stale,
                row.completion_detected_at,
                row.supervisor_task_id,
            )
        return then

    async def as_of(self, written: WriteResult) -> AsItWas:
        """The contract with its tasks, questions and messages at this write's version,
        folded from the log.
        """
        return await as_it_was(
            self.gateway.log, self.principal.tenant, written.contract_id, version=written.version
        )

    def expected(self, in_body: int | None) -> int | None:
        """The version that the caller expects, from `If-Match` or the body (`in_body`); None: neither names
        one.

        Raises `INVALID_REQUEST` if the two differ.
        """
        if None not in (in_body, self.if_match) and in_body != self.if_match:
            raise invalid(
                "header.If-Match", f"is {self.if_match}, but expected_version in the body is {in_body}"
            )
        return self.if_match if in_body is None else in_body


def refused(problem: Problem) -> Refused:
    """A problem that a service replied, as the exception that becomes a problem document."""
    return Refused(problem.code, problem.detail, hint=problem.hint, **problem.members)


def command_id_for(principal: Principal, key: str | None) -> UUID:
    """The command id of a write: uuid5 of tenant, actor and idempotency key, the same for each repeat.

    A new uuid7 without a key.
    """
    return uuid7() if key is None else uuid5(NAMESPACE, f"{principal.tenant}\n{principal.actor}\n{key}")


def _version(if_match: str | None) -> int | None:
    """The version in an `If-Match` header; None without one and for `*`.

    Raises `INVALID_REQUEST` for anything else.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.match(if_match.strip())
    if match is None:
        raise invalid(
            "header.If-Match", "is not the ETag of a contract", hint='send the version, e.g. If-Match: "3"'
        )
    return int(match[1] or match[2])


async def _write(
    gateway: CurrentGateway,
    principal: CurrentPrincipal,
    idempotency_key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> WriteContext:
    return WriteContext(
        gateway,
        principal,
        command_id_for(principal, idempotency_key),
        idempotency_key is not None,
        _version(if_match),
    )


Writing = Annotated[WriteContext, Depends(_write)]
