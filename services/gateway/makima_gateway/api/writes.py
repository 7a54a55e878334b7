"""From an HTTP write to a command on the bus, and back when the read model shows what it did."""

import re
from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID, uuid5

from fastapi import Depends, Header
from makima_kernel.commands.router import snake_case
from makima_schemas.commands import Accepted, Problem, Reply
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.refusal import Refused
from starlette.responses import Response
from uuid_utils.compat import uuid7

from makima_gateway.api import serializers as views
from makima_gateway.api.context import CurrentGateway, Gateway
from makima_gateway.api.reads import MIN_POSITION_TIMEOUT_SECONDS
from makima_gateway.auth.principal import CurrentPrincipal, Principal, request_for
from makima_gateway.http.problems import invalid, unknown_contract
from makima_gateway.http.responses import POSITION, READ_BEHIND, json_response
from makima_gateway.read_model.history import AsItWas, as_it_was
from makima_gateway.read_model.rows import ContractRow

NAMESPACE: Final = UUID("5d1f1a0e-9a57-5f7b-9d53-3a6f0f1b7c21")
OWNER: Final = "contract"
_ETAG: Final = re.compile(r'^(?:W/)?(?:"([0-9]{1,18})"|([0-9]{1,18}))$')

IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255)]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=64)]


@dataclass(frozen=True, slots=True)
class WriteResult:
    """A command that was accepted: by now the read model shows it, unless `behind`."""

    contract_id: str
    version: int
    position: int
    behind: bool

    @property
    def headers(self) -> dict[str, str]:
        return {POSITION: str(self.position)} | ({READ_BEHIND: "true"} if self.behind else {})


@dataclass(frozen=True, slots=True)
class WriteContext:
    """One intent: its command id is made once and names everything that it creates, so that a repeat asks for the same."""

    gateway: Gateway
    principal: Principal
    command_id: UUID
    repeatable: bool
    if_match: int | None

    def new_id(self, kind: str) -> str:
        """The id of what this intent creates."""
        return str(uuid5(self.command_id, kind))

    async def send(self, contract_id: str, command: ContractCommand, expected_version: int | None = None) -> WriteResult:
        """Raises `Refused` with the owner's words."""
        reply = await self.ask(contract_id, command, expected_version)
        if isinstance(reply, Problem):
            raise refused(reply)
        return await self.wait_until_readable(contract_id, reply)

    async def ask(self, contract_id: str, command: ContractCommand, expected_version: int | None = None) -> Reply:
        request = request_for(self.principal, self.command_id, contract_id, command, self.expected(expected_version))
        return await self.gateway.bus.ask(OWNER, snake_case(type(command).__name__), request)

    async def wait_until_readable(self, contract_id: str, accepted: Accepted) -> WriteResult:
        """Wait until whoever reads next sees it."""
        caught_up = await self.gateway.projector.wait_for(accepted.position, MIN_POSITION_TIMEOUT_SECONDS)
        return WriteResult(contract_id, accepted.version, accepted.position, behind=not caught_up)

    async def contract(self, written: WriteResult, *, status: int = 200) -> Response:
        """The contract as this write left it, also when the answer is given again later."""
        row = await self.contract_row(written)
        enhanced = self.gateway.enhanced
        view = views.contract(row, self.gateway.latest_heartbeats.last_heartbeat(row.supervisor_task_id), enhanced=enhanced)
        return json_response(view, written.headers, status=status, version=row.version)

    async def is_current(self, written: WriteResult) -> bool:
        """Whether the read model shows exactly what this write left; else only the log can tell."""
        row = await self.gateway.queries.contract(self.principal.tenant, written.contract_id)
        return row is not None and row.version == written.version

    async def contract_row(self, written: WriteResult) -> ContractRow:
        row = await self.gateway.queries.contract(self.principal.tenant, written.contract_id)
        if row is not None and row.version == written.version:
            return row
        then = (await self.as_of(written)).contract
        if then is None:
            raise unknown_contract(written.contract_id)
        if row is not None:  # what other streams say of it is as it is now
            then.stale, then.completion_detected_at, then.supervisor_task_id = row.stale, row.completion_detected_at, row.supervisor_task_id
        return then

    async def as_of(self, written: WriteResult) -> AsItWas:
        """The contract with what lies in it, at the version that this write made."""
        return await as_it_was(self.gateway.log, self.principal.tenant, written.contract_id, version=written.version)

    def expected(self, in_body: int | None) -> int | None:
        """The version that the caller decided on: `If-Match`, or the body's, or none. Raises `INVALID_REQUEST` where they disagree."""
        if None not in (in_body, self.if_match) and in_body != self.if_match:
            raise invalid("header.If-Match", f"says {self.if_match}, but the body's expected_version {in_body}")
        return self.if_match if in_body is None else in_body


def refused(problem: Problem) -> Refused:
    return Refused(problem.code, problem.detail, hint=problem.hint, **problem.members)


def command_id_for(principal: Principal, key: str | None) -> UUID:
    """The command id of an intent: the same for the same principal and key, else a new one."""
    return uuid7() if key is None else uuid5(NAMESPACE, f"{principal.tenant}\n{principal.actor}\n{key}")


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.match(if_match.strip())
    if match is None:
        raise invalid("header.If-Match", "is not the ETag of a contract", hint='send the version, e.g. If-Match: "3"')
    return int(match[1] or match[2])


async def _write(
    gateway: CurrentGateway, principal: CurrentPrincipal, idempotency_key: IdempotencyKey = None, if_match: IfMatch = None
) -> WriteContext:
    return WriteContext(gateway, principal, command_id_for(principal, idempotency_key), idempotency_key is not None, _version(if_match))


Writing = Annotated[WriteContext, Depends(_write)]
