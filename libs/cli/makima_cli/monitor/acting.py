"""Does what a person decided, and asks the server what a person wants to know; what came of it is said in the state."""

from collections.abc import Mapping, Sequence
from typing import cast

from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from makima_sdk.contracts import Contracts
from makima_sdk.http import Http
from makima_sdk.paths import path
from makima_sdk.problems import ProblemError, UnreachableError

from makima_cli.event_summary import agent_word
from makima_cli.evidence import evidence_lines, no_verdict, status_lines
from makima_cli.monitor.keys import Act
from makima_cli.monitor.model import Prompt
from makima_cli.monitor.state import MonitorState

VERDICTS = 5
PHASE_GUARD = "PHASE_GUARD_REQUIRED"


class Acting:
    """Writes and questions of one monitor."""

    def __init__(self, http: Http, state: MonitorState) -> None:
        self._http = http
        self._contracts = Contracts(http)
        self._state = state

    async def act(self, act: Act) -> None:
        state = self._state
        try:
            match act.kind:
                case "advance":
                    await self._dry_run(act)
                case "why":
                    await self._why(act)
                case "do batch":
                    await self._batch(act)
                case _:
                    await self._write(act)
                    state.notice = f"done: {act.kind.removeprefix('do ')} {state.name(act.contract_id)}"
        except ProblemError as error:
            state.notice = f"refused: {error.detail} [{error.code}]"
        except UnreachableError as error:
            state.notice = f"not sent: {error}"
        if act.contract_id:
            state.read_again(act.contract_id)

    async def _write(self, act: Act) -> None:
        contract_id, version = act.contract_id, act.version
        match act.kind:
            case "answer":
                await self._contracts.answer(contract_id, act.question_id, act.value)
                self._state.questions.pop(contract_id, None)
            case "confirm" | "do advance":
                confirmed = act.kind == "confirm"
                await self._contracts.change_phase(
                    contract_id, act.value, confirmed=confirmed, expected_version=version
                )
            case "restart":
                await self._restart(contract_id, act.value)
            case _:
                await self._contracts.act(contract_id, act.kind, expected_version=version)

    async def _restart(self, contract_id: str, role: str) -> None:
        if role == SUPERVISOR_ROLE:
            await self._http.send("POST", path("contracts", contract_id, "supervisor", "restart"), {})
        else:
            await self._http.send("POST", path("contracts", contract_id, "agents", role, "restart"), {})

    async def _dry_run(self, act: Act) -> None:
        """Whether the next phase may begin; if so, ask whether it shall, unless something else is being typed."""
        state = self._state
        body = {"phase": act.value, "dry_run": True}
        answer = (await self._http.send("POST", path("contracts", act.contract_id, "phase"), body)).body
        name = state.name(act.contract_id)
        lacking = cast("Sequence[object]", answer.get("missing") or answer.get("deliverables") or ())
        if answer.get("would_succeed"):
            asks, kind = f"dry run: would succeed. {name} → {act.value}, go on? y/n", "do advance"
        elif answer.get("code") == PHASE_GUARD:
            asks, kind = f"{name} has a phase guard: confirm → {act.value}? y/n", "confirm"
        else:
            refusal = f"{answer.get('code')} {', '.join(map(str, lacking))}".rstrip()
            state.notice = f"dry run: would be refused: {refusal}"
            return
        if state.help or state.reading:  # a question that nobody sees is not asked
            state.notice = f"dry run: {name} → {act.value} would succeed"
            return
        state.notice = ""
        if state.prompt is None:
            state.prompt = Prompt(kind, act.contract_id, asks=asks, value=act.value, version=act.version)

    async def _why(self, act: Act) -> None:
        route = path("contracts", act.contract_id, "agents", act.value)
        agent = (await self._http.send("GET", route)).body
        found = (await self._http.send("GET", f"{route}/verdicts", query={"limit": VERDICTS})).body
        verdicts = cast("Sequence[Mapping[str, object]]", found["verdicts"])
        who = f"{act.value} of {self._state.name(act.contract_id)}"
        known = {**agent, "contract_id": act.contract_id, "role": act.value}
        self._state.reading, self._state.scroll = account(who, known, verdicts), 0

    async def _batch(self, act: Act) -> None:
        """One write for each; what was refused stays selected."""
        state, refused = self._state, dict[str, int]()
        for contract_id, version in act.items:
            try:
                await self._contracts.act(contract_id, act.value, expected_version=version)
                state.marked.pop(contract_id, None)
            except ProblemError as error:
                refused[error.code] = refused.get(error.code, 0) + 1
            state.read_again(contract_id)
        done = len(act.items) - sum(refused.values())
        why = (
            f"; refused: {', '.join(f'{count} {code}' for code, count in refused.items())}" if refused else ""
        )
        state.notice = f"done: {act.value} {done} of {len(act.items)}{why}"


def account(
    who: str, agent: Mapping[str, object], verdicts: Sequence[Mapping[str, object]]
) -> tuple[str, ...]:
    """Why an agent has its status, in lines of any length: what was reported, and each verdict with its proof."""
    lines = [f"{who}: {agent_word(agent.get('agent_status'))} since {agent.get('since')}"]
    lines += [f"   {line}" for line in status_lines(agent)]
    if not verdicts:
        lines += ["", no_verdict(agent)]
    for verdict in verdicts:
        lines += ["", f"[inference] {verdict['at']}: {verdict['old_status']} → {verdict['new_status']}"]
        evidence = cast("Mapping[str, object]", verdict["evidence"])
        lines += [f"   {line}" for line in evidence_lines(evidence)]
    return tuple(lines)
