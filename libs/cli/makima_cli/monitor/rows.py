"""The rows of the panes: one line for a need, a contract, an agent, or an event."""

from datetime import datetime
from typing import Final

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from makima_sdk.agents import AgentRecord
from makima_sdk.models import Contract

from makima_cli.durations import age
from makima_cli.event_summary import agent_word as word_of
from makima_cli.event_summary import sentence
from makima_cli.monitor.beats import SHOWN, strip
from makima_cli.monitor.cells import ALIVE, CHANGED, CURSOR, DEAD, DIM, NEEDS, RESTARTING, Line, Piece, fit
from makima_cli.monitor.model import Need, next_phase
from makima_cli.monitor.needs import detailed
from makima_cli.monitor.screen import WIDE
from makima_cli.monitor.state import Event, MonitorState

# The sign of each word, and its style.
SIGNS: Final = {
    "waiting": ("?", NEEDS),
    "question": ("?", NEEDS),
    "confirm": ("¶", NEEDS),
    "blocked": ("⊘", NEEDS),
    "revive": ("■", DEAD),
    "active": ("●", ALIVE),
    "stale": ("●", NEEDS),
    "paused": ("‖", DIM),
    "created": ("○", ""),
    "completing": ("◐", ""),
    "completed": ("✓", DIM),
    "failed": ("✗", DEAD),
    "archived": ("–", DIM),
    "DEAD (UNRECOVERABLE)": ("■", DEAD),
    "DEAD": ("✗", DEAD),
    "RESTARTING": ("↻", RESTARTING),
    "WORKING": ("●", ALIVE),
    "READY": ("○", ALIVE),
    "OFFLINE": ("–", DIM),
}
_SHORT: Final = {"DEAD (UNRECOVERABLE)": "DEAD (UNREC.)"}  # where the column of states is narrow
_STATE, _SHORT_STATE = 22, 15  # cells of the column
_WHOLE: Final = 78  # columns from which there is room for whole states
DEAD_STATUSES: Final = (AgentStatus.DEAD, AgentStatus.DEAD_FAILED_REVIVE)
MIN_NAME: Final = 8
_BADGE: Final = 12  # cells for how an agent is
_BEATS_WIDTH: Final = 66  # columns from which there is room for the beats


def status_word(contract: Contract) -> str:
    if contract.status is ContractStatus.WAITING_FOR_INPUT:
        return "waiting"
    return "stale" if contract.stale and contract.status is ContractStatus.ACTIVE else contract.status


def agent_key(agent: AgentRecord) -> str:
    """What the cursor of the agents is on."""
    return f"{agent.contract_id}\n{agent.role}"


def agent_word(agent: AgentRecord) -> str:
    return word_of(agent.status_now)


def agent_label(agent: AgentRecord) -> str:
    """Its word, with the number of the attempt while it is restarted."""
    count = agent.restarts if agent.status_now is AgentStatus.RESTARTING else None
    return agent_word(agent) if count is None else f"{agent_word(agent)} {count.attempts}/{count.of}"


def since(moment: datetime | None, now: datetime) -> str:
    return "–" if moment is None else age((now - moment).total_seconds())


def row(word: str, *pieces: Piece, chosen: bool) -> Line:
    """`▌` and reverse video are the cursor: never colour alone."""
    sign, style = SIGNS[word]
    if chosen:
        reverse = (Piece(piece.text, f"{CURSOR} {piece.style}".strip()) for piece in pieces)
        return (Piece(f"▌{sign}", CURSOR), *reverse)
    return (Piece(" "), Piece(sign, style), *pieces)


def _cell(state: MonitorState, key: str, name: str, text: str, now: datetime) -> Piece:
    """Underlined for a second after it changed."""
    return Piece(text, CHANGED if state.cells.changed(key, name, text, now) else "")


def need(state: MonitorState, each: Need, width: int, now: datetime, *, chosen: bool) -> Line:
    kind = f"{each.kind:<9}" if width >= WIDE else ""
    badge = f" {fit(_badge(state, each), _BADGE)}" if width >= WIDE else ""
    room = width - 9 - len(kind) - (_BADGE + 1 if badge else 0)
    name = max(MIN_NAME, room // 3)
    known = state.contracts.get(each.contract_id), state.agents.get((each.contract_id, each.role))
    content = detailed(each, *known) if width >= WIDE else each.text
    text = (
        f" {kind}{fit(state.name(each.contract_id), name)} {fit(content, room - name)}{badge} "
        f"{since(each.since, now):>4}"
    )
    return row(each.kind, Piece(text), chosen=chosen)


def _badge(state: MonitorState, each: Need) -> str:
    """How the agent is that waits: of a contract, its supervisor."""
    known = state.agents.get((each.contract_id, each.role or SUPERVISOR_ROLE))
    if known is None:
        return ""
    word = agent_word(known)
    return f"{SIGNS[word][0]} {word.partition(' (')[0]}"


def contracts_head(width: int) -> Line:
    waits = f"  {'WAITS FOR':<{_waits(width)}}" if width >= WIDE else ""
    text = f"   STATUS     {fit('CONTRACT', _name(width))} PHASE         TASKS{waits} HEARD MOVED"
    return (Piece(text, "bold"),)


def contract(state: MonitorState, each: Contract, width: int, now: datetime, *, chosen: bool) -> Line:
    word = status_word(each)
    mark = "*" if each.id in state.marked else " "  # selected for a batch
    names = each.phase_names
    place = f"{each.phase} {names.index(each.phase) + 1}/{len(names)}" if each.phase in names else each.phase
    tasks = f"{each.tasks.completed}/{each.tasks.total}" if each.tasks.total else "–"
    waits = f"  {fit(waits_for(each), _waits(width))}" if width >= WIDE else ""
    return row(
        word,
        Piece(mark),
        _cell(state, each.id, "status", f"{word:<10}", now),
        Piece(f" {fit(each.name, _name(width))} "),
        _cell(state, each.id, "phase", fit(place, 13), now),
        Piece(" "),
        _cell(state, each.id, "tasks", fit(tasks, 5, right=True), now),
        _cell(state, each.id, "waits", waits, now),
        Piece(f" {since(state.heard.get(each.id), now):>5} {since(state.moved(each), now):>5}"),
        chosen=chosen,
    )


def waits_for(each: Contract) -> str:
    """What the contract lacks to go on, as far as its own record tells."""
    match each.status:
        case ContractStatus.BLOCKED:
            return each.blocked_reason or "its block to be removed"
        case ContractStatus.FAILED:
            return each.failure_reason or ""
        case ContractStatus.WAITING_FOR_INPUT:
            to = f"you, to confirm {next_phase(each) or 'the end'}"
            return to if each.waiting_for == "phase_confirmation" else "an answer"
        case ContractStatus.PAUSED:
            return "resume"
        case ContractStatus.CREATED:
            return "its start"
        case ContractStatus.ACTIVE:
            left = each.tasks.total - each.tasks.completed
            failed = f" ({each.tasks.failed} failed)" if each.tasks.failed else ""
            tasks = [f"{left} of {each.tasks.total} tasks{failed}"] if left else []
            return ", ".join([*tasks, *each.missing_deliverables()])
        case _:
            return ""


def agents_head(state: MonitorState, width: int) -> Line:
    beats = f" {'LAST 20 BEATS':<{SHOWN}}" if _has_beats(state, width) else ""
    state_width, name = _agent_cells(state, width)
    return (Piece(f"   {'STATE':<{state_width}} {fit('AGENT', name)}{beats} HEARD MOVED", "bold"),)


def agent(state: MonitorState, each: AgentRecord, width: int, now: datetime, *, chosen: bool) -> Line:
    word = agent_word(each)
    short = width < _WHOLE
    stuck = f"⧗{'' if short else ' stuck '}{since(each.progress_at, now)}" if each.stuck else ""
    heard = since(state.heard_of(each), now)
    name = f"{each.role} {state.name(each.contract_id)}"
    label = f"{word} {stuck}" if stuck else agent_label(each)
    label = _SHORT.get(label, label) if short else label
    state_width, room = _agent_cells(state, width)
    beats = f" {strip(each.beats)}" if _has_beats(state, width) else ""
    moved = since(each.progress_at or each.since, now)
    return row(
        word,
        Piece(" "),
        _cell(state, agent_key(each), "state", fit(label, state_width), now),
        Piece(f" {fit(name, room)}{beats} {heard:>5} {moved:>5}"),
        chosen=chosen,
    )


def _has_beats(state: MonitorState, width: int) -> bool:
    """Only a server that tells them has them; where a column is narrow, names come first."""
    return width >= _BEATS_WIDTH and state.once("beats", lambda: _any_beats(state))


def _any_beats(state: MonitorState) -> bool:
    return any(each.beats is not None for each in state.agents.values())


def _agent_cells(state: MonitorState, width: int) -> tuple[int, int]:
    """Cells of the state, and of the agent's name."""
    beats = SHOWN + 1 if _has_beats(state, width) else 0
    state_width = _STATE if width >= _WHOLE else _SHORT_STATE
    return state_width, width - 16 - state_width - beats


def event_key(each: Event) -> str:
    """What the cursor of the events is on: the contract's id, and the position."""
    return f"{each.get('contract_id')}\n{each.get('position')}"


def event(state: MonitorState, each: Event, width: int, *, chosen: bool = False) -> Line:
    name = max(MIN_NAME, (width - 12) * 2 // 5)
    at = str(each.get("timestamp", ""))[11:19]
    contract_name = fit(state.name(str(each.get("contract_id"))), name)
    text = f"{fit(at, 8)}  {contract_name} {fit(sentence(each), width - 13 - name)} "
    return (Piece(f"▌{text}", CURSOR),) if chosen else (Piece(f" {text}"),)


def _name(width: int) -> int:
    """Cells for the name of a contract."""
    return width - 46 if width < WIDE else 32


def _waits(width: int) -> int:
    return width - 80
