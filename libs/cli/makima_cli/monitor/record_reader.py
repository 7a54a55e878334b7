"""Reads the contract that is looked at: again when it changes, and every few seconds."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, cast

from makima_sdk.agents import TeamOfAgents
from makima_sdk.contracts import Contracts
from makima_sdk.http import Http, Query
from makima_sdk.models import Contract, read
from makima_sdk.paths import path
from makima_sdk.problems import ProblemError

from makima_cli.monitor.record import MAX_LOG, Condition, Gate, Logged, Record
from makima_cli.monitor.state import MonitorState

REREAD_SECONDS: Final = 3.0
EVENTS_PER_PAGE: Final = 500
REFUSED: Final = frozenset({403, 404})
_KINDS_OF_WHO: Final = {"person": "you", "agent": "an agent", "service": "a service"}


class RecordReader:
    def __init__(self, http: Http, state: MonitorState) -> None:
        self._http = http
        self._state = state

    async def read_due(self) -> None:
        """Raises what `Http.send` raises, but for a contract that is gone or is not this caller's to see."""
        state = self._state
        contract_id, at = state.viewed(), state.inside.at if state.opened else None
        known = state.contracts.get(contract_id)
        if known is None or not self._is_due(known, at):
            return
        try:
            record = await self._read(known, at)
        except ProblemError as error:
            if error.status not in REFUSED:
                raise
            state.read_again(contract_id)
            return
        if (state.viewed(), state.inside.at if state.opened else None) == (contract_id, at):
            state.inside.record = record

    def _is_due(self, contract: Contract, at: int | None) -> bool:
        had = self._state.inside.record
        if had is None or (had.contract.id, had.at) != (contract.id, at):
            return True
        if at is not None:
            return False
        old = (datetime.now(UTC) - (had.read_at or contract.created_at)).total_seconds()
        return had.contract.version < contract.version or old > REREAD_SECONDS

    async def _read(self, known: Contract, at: int | None) -> Record:
        then: Query | None = None if at is None else {"at": str(at)}
        where = path("contracts", known.id)
        contract = read(Contract, (await self._http.send("GET", where, query=then)).body)
        team = read(TeamOfAgents, (await self._http.send("GET", f"{where}/agents", query=then)).body)
        log = await self._log(contract, max(known.version, contract.version))
        readiness = await self._may(f"{where}/phase-readiness", then)
        health: Mapping[str, object] = await self._may(f"{where}/health") if at is None else {}
        return Record(
            contract,
            at,
            datetime.now(UTC),
            _gate(readiness) if readiness else None,
            str(health.get("verdict") or ""),
            tuple(cast("Sequence[Mapping[str, object]]", health.get("reasons") or ())),
            await Contracts(self._http).tasks(known.id, at),
            await Contracts(self._http).questions(known.id, at),
            team.agents,
            log,
        )

    async def _may(self, where: str, query: Query | None = None) -> Mapping[str, object]:
        """What is there; empty if it is refused to this caller."""
        try:
            return (await self._http.send("GET", where, query=query)).body
        except ProblemError as error:
            if error.status not in REFUSED:
                raise
            return {}

    async def _log(self, contract: Contract, newest: int) -> tuple[Logged, ...]:
        """The events that were held, and those that came since; at most `MAX_LOG`."""
        had = self._state.inside.record
        log = list(had.log) if had is not None and had.contract.id == contract.id else []
        after = log[-1].version if log else max(0, newest - MAX_LOG)
        where = path("contracts", contract.id, "events")
        while after < newest:
            body = (
                await self._http.send("GET", where, query={"after": after, "limit": EVENTS_PER_PAGE})
            ).body
            found = [_logged(each) for each in cast("Sequence[Mapping[str, object]]", body["items"])]
            log += found
            if len(found) < EVENTS_PER_PAGE:
                break
            after = found[-1].version
        return tuple(log[-MAX_LOG:])


def _gate(readiness: Mapping[str, object]) -> Gate:
    conditions = cast("Sequence[Mapping[str, object]]", readiness["conditions"])
    next_phase = readiness["next_phase"]
    return Gate(
        tuple(_condition(each) for each in conditions),
        None if next_phase is None else str(next_phase),
        str(readiness["evaluated_by"]),
        datetime.fromisoformat(str(readiness["evaluated_at"])),
    )


def _condition(each: Mapping[str, object]) -> Condition:
    who = cast("Mapping[str, object]", each.get("who") or {})
    since = each.get("since")
    return Condition(
        str(each["kind"]),
        str(each["id"]),
        str(each["name"]),
        str(each["state"]),
        datetime.fromisoformat(str(since)) if since else None,
        str(each.get("evidence") or ""),
        str(who.get("role") or _KINDS_OF_WHO.get(str(who.get("kind")), "")),
    )


def _logged(event: Mapping[str, object]) -> Logged:
    kind = str(event["type"]).removeprefix("makima.contract.").rpartition(".v")[0]
    at = datetime.fromisoformat(str(event["time"]))
    return Logged(int(str(event["streamversion"])), at, kind, cast("Mapping[str, object]", event["data"]))
