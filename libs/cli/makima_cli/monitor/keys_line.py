"""The last line, and the help: what is typed, what the last action came to, and the keys that do something here."""

from typing import Final

from makima_schemas.contract.model import ContractStatus
from makima_sdk.models import Contract

from makima_cli.monitor.cells import DIM, NEEDS, Line, Piece, fit
from makima_cli.monitor.model import Pane
from makima_cli.monitor.state import MonitorState

HELP: Final = (
    "1 2 3 4   contracts, agents, events, system; in a contract 1 to 5: its tabs      Tab  next pane",
    "j k ↓ ↑   move                     g G Space  top (rows to their places), end, page",
    "Enter Esc open, back               n          next thing that waits for you",
    "/         filter: status:active,blocked phase:plan stale:true waiting:true threshold:30m words",
    "          agents: status:dead stuck:true words       events: type:QuestionAsked words",
    "s         order                    p          pause the screen, go on",
    "w         why it does not go on; of an agent: why it was declared dead",
    "y         copy the id; again: the command about it",
    "[ ] { } . in a contract: a version back, on; a phase back, on; now",
    "x X b     select, select to here; the selection: what to do with it, shown before it is done",
    "a         answer the question (a choice by its number)",
    "c         confirm the phase",
    "A         advance: a dry run first, then asks",
    "P U F     pause or resume, unblock, fail: each asks first",
    "r         restart the agent, or the contract's supervisor",
    "q Ctrl-C  quit",
)


def keys_line(state: MonitorState, width: int) -> Line:
    """What is typed, else what the last action came to, else the keys that do something here."""
    if state.prompt is not None:
        asks = state.prompt.asks
        return (Piece(fit(f" {asks} {state.prompt.text}▏", width), NEEDS),)
    if state.notice:
        return (Piece(fit(f" {state.notice}", width), NEEDS),)
    return (Piece(fit(f" {'  '.join(_keys_here(state))}", width), DIM),)


def _keys_here(state: MonitorState) -> list[str]:
    if state.reading or state.help:
        return ["Esc back", "q quit"]
    known = state.contracts.get(state.subject())
    if state.opened and state.inside.at is not None:
        return ["Esc back", "[ ] version", "{ } phase", ". now", "? keys"]
    keys = _acts_here(known) if known else []
    if state.opened:
        keys = ["Esc back", *keys, "A advance", "w why", "[ ] time"]
    elif known:
        keys += ["Enter open", "w why"]
    if known and state.pane is Pane.AGENTS and not state.opened:
        keys.append("r restart")
    if state.marked:
        keys.append("b batch")
    tail = ["? keys"] if state.opened else ["n next", "/ filter", "s sort", "p pause", "? keys", "q quit"]
    return [*keys, *tail]


def _acts_here(known: Contract) -> list[str]:
    match known.status:
        case ContractStatus.WAITING_FOR_INPUT:
            return ["c confirm" if known.waiting_for == "phase_confirmation" else "a answer"]
        case ContractStatus.ACTIVE:
            return ["P pause"]
        case ContractStatus.PAUSED:
            return ["P resume"]
        case ContractStatus.BLOCKED:
            return ["U unblock"]
        case _:
            return []
