"""One contract, opened: its phases, what it waits for, its agents, and its last events."""

from datetime import datetime
from typing import Final

from makima_sdk.models import Contract

from makima_cli.monitor import rows
from makima_cli.monitor.cells import DIM, HEAD, Line, Piece, between, fit, padded
from makima_cli.monitor.state import MonitorState

MOST_AGENTS: Final = 6


def details(state: MonitorState, contract_id: str, width: int, height: int, now: datetime) -> list[Line]:
    each = state.contracts.get(contract_id)
    if each is None:
        return padded([(Piece(fit(" This contract is gone: Esc", width)),)], height, width)
    word = rows.status_word(each)
    names = each.phase_names
    place = names.index(each.phase) if each.phase in names else -1
    phases = "   ".join(
        f"{'✓' if number < place else '●' if number == place else '○'} {name}"
        for number, name in enumerate(names)
    )
    facts = [
        f"id           {each.id}",
        f"waits for    {rows.waits_for(each) or '–'}",
        f"tasks        {each.tasks.completed} of {each.tasks.total} completed, {each.tasks.failed} failed",
        f"switches     {_switches(each)}",
        f"heard        {rows.since(state.heard.get(each.id), now)}    moved {rows.since(state.moved(each), now)}",
    ]
    facts += [
        f"{'✓' if item.completed else '○'} {item.name} ({item.phase})"
        for item in each.deliverables
        if item.phase == each.phase
    ]
    question = state.questions.get(each.id)
    if question is not None:
        facts.append(f"? {question.question}")
        facts += [f"    {number} {option}" for number, option in enumerate(question.options, 1)]
    lines = [
        between(f"‹ {each.name}", f"{rows.SIGNS[word][0]} {word}   v{each.version}", width, HEAD),
        (Piece(fit(f" {phases}", width)),),
        (Piece(" " * width),),
        *[(Piece(fit(f" {fact}", width)),) for fact in facts],
    ]
    lines += _agents(state, contract_id, width, now)
    lines.append((Piece(fit(" EVENTS", width), HEAD),))
    room = height - len(lines)
    for event in reversed(state.events):
        if room <= 0:
            break
        if event.get("contract_id") == contract_id:
            at = str(event.get("timestamp", ""))[11:19]
            lines.append((Piece(fit(f" {at}  {rows.event_text(event)}", width)),))
            room -= 1
    return padded(lines, height, width)


def _switches(contract: Contract) -> str:
    guard = "on: you confirm each phase" if contract.phase_guard else "off"
    return f"auto-complete {'on' if contract.auto_complete_enabled else 'off'}, guard {guard}"


def _agents(state: MonitorState, contract_id: str, width: int, now: datetime) -> list[Line]:
    found = [each for key, each in state.agents.items() if key[0] == contract_id]
    lines: list[Line] = [(Piece(fit(" AGENTS", width), HEAD),)]
    lines += [rows.agent(state, each, width, now, chosen=False) for each in found[:MOST_AGENTS]]
    more = len(found) - MOST_AGENTS
    return [*lines, (Piece(fit(f" +{more} more", width), DIM),)] if more > 0 else lines
