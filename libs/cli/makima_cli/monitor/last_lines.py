"""The last lines: what is typed, what the last action came to, or the keys that do something here."""

from collections.abc import Sequence
from typing import Final

from makima_schemas.contract.model import ContractStatus
from makima_sdk.models import ENDED, Contract
from rich.cells import cell_len

from makima_cli.monitor.cells import DIM, NEEDS, Line, Piece, fit, wrapped
from makima_cli.monitor.cursor import is_on_contract, on_agent
from makima_cli.monitor.model import ORDERS, PANE_FILTERS, RESTARTED_IN, Pane, next_phase
from makima_cli.monitor.prompt_texts import prompt_texts, shortened
from makima_cli.monitor.state import MonitorState

HELP_KEY: Final = "? keys"


def last_lines(state: MonitorState, width: int, most: int) -> list[Line]:
    """At most `most` lines, but one at least."""
    if state.prompt is not None:
        texts = prompt_texts(state.prompt, width - 2, max(most, 1))
        return [(Piece(fit(f" {text}", width), NEEDS),) for text in texts]
    if state.notice:
        texts = shortened(wrapped(state.notice, width - 2), max(most, 1))
        return [(Piece(fit(f" {text}", width), NEEDS),) for text in texts]
    return [(Piece(fit(f" {'  '.join(_fitting(keys_here(state), width - 2))}", width), DIM),)]


def _fitting(keys: Sequence[str], width: int) -> list[str]:
    """As many keys as there is room for, the most important first; the way to all of them is always among them."""
    shown: list[str] = []
    room = width - cell_len(HELP_KEY)
    for key in keys:
        room -= cell_len(key) + 2
        if room < 0:
            break
        shown.append(key)
    return [*shown, HELP_KEY]


def keys_here(state: MonitorState) -> list[str]:
    """The keys that do something to what the cursor is on, the most important first."""
    if state.reading or state.help:
        return ["Esc back", "q quit"]
    if state.opened and state.inside.at is not None:
        return ["Esc back", "[ ] version", "{ } phase", ". now", "1-5 tabs", "j k move", "q quit"]
    known = state.contracts.get(state.subject())
    if state.opened:
        ends = ["w why", "[ ] time", "1-5 tabs", "j k move", "y copy", *_waiting(state), "p pause", "q quit"]
        return ["Esc back", *(_of_contract(known) if known else []), *ends]
    first, more = _under_cursor(state, known) if known else ([], [])
    return [*first, *_of_pane(state), *more, *_moving(state)]


def _under_cursor(state: MonitorState, known: Contract) -> tuple[list[str], list[str]]:
    """The keys that come before those of the pane, and those that come after them."""
    if not is_on_contract(state):
        agents = ["w why dead", *_restart(known)] if on_agent(state) else []
        first = ["Enter open", *agents] if state.pane is not Pane.CONTRACTS else [*agents[::-1], "Enter open"]
        return first, ["y copy"]
    select = ["x select", "X select to here"] if state.marked else ["x select"]
    first = [
        *_acts_here(known),
        *(["b batch"] if state.marked else []),
        "Enter open",
        "w why",
        *_restart(known),
    ]
    return first, [*select, *_more_acts(known), "y copy"]


def _of_contract(known: Contract) -> list[str]:
    """Of the opened one."""
    return [*_acts_here(known), *_more_acts(known), *_restart(known)]


def _of_pane(state: MonitorState) -> list[str]:
    places = state.places.get(state.pane)
    return [
        *(["g new rows"] if places is not None and places.new > 0 else []),
        *(["/ filter"] if PANE_FILTERS[state.pane] else []),
        *(["s sort"] if state.pane in ORDERS else []),
        "p pause",
    ]


def _moving(state: MonitorState) -> list[str]:
    if state.pane is Pane.SYSTEM:
        return ["j k scroll", "g top", "G end", "q quit"]
    return [*_waiting(state), "j k move", "g top", "G end", "q quit"]


def _waiting(state: MonitorState) -> list[str]:
    return ["n next"] if state.needs() else []


def _acts_here(known: Contract) -> list[str]:
    match known.status:
        case ContractStatus.WAITING_FOR_INPUT:
            return ["c confirm" if known.waiting_for == "phase_confirmation" else "a answer"]
        case ContractStatus.PAUSED:
            return ["P resume it"]
        case ContractStatus.BLOCKED:
            return ["U unblock"]
        case _:
            return []


def _more_acts(known: Contract) -> list[str]:
    """What can be done to a contract that does not wait for it."""
    if known.status in ENDED:
        return []
    pauses = {ContractStatus.ACTIVE, ContractStatus.WAITING_FOR_INPUT, ContractStatus.BLOCKED}
    advances = known.status is ContractStatus.ACTIVE and next_phase(known) is not None
    return [
        *(["P pause it"] if known.status in pauses else []),
        *(["A advance"] if advances else []),
        "F fail it",
    ]


def _restart(known: Contract) -> list[str]:
    return ["r restart"] if known.status in RESTARTED_IN else []
