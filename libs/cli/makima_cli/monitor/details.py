"""One contract, opened: its phases, why it does not go on, its tabs, and its time."""

from datetime import datetime
from typing import Final

from makima_sdk.models import ENDED, Contract

from makima_cli.durations import age
from makima_cli.monitor import rows
from makima_cli.monitor.cells import HEAD, NEEDS, Line, Piece, between, fit, padded, rule
from makima_cli.monitor.gate import gate_lines
from makima_cli.monitor.prompt_texts import question_texts
from makima_cli.monitor.record import Record
from makima_cli.monitor.state import MonitorState
from makima_cli.monitor.tabs import tab_names, tab_rows
from makima_cli.monitor.time_slider import moment_of, phase_began, phase_times, slider

MIN_TAB_ROWS: Final = 3
MAX_QUESTION_LINES: Final = 6


def details(state: MonitorState, contract_id: str, width: int, height: int, now: datetime) -> list[Line]:
    newest = state.contracts.get(contract_id)
    if newest is None:
        return padded([(Piece(fit(" This contract is gone: Esc", width)),)], height, width)
    inside = state.inside
    record = inside.known(contract_id)
    each = record.contract if record and inside.at is not None else newest
    now = (moment_of(record) if record else None) or now
    line = rule(width) if inside.at is None else (Piece("═" * width, HEAD),)
    word = rows.status_word(each)
    then = "" if inside.at is None else "   AS IT WAS"
    lines = [
        between(f"‹ {each.name}", f"{rows.SIGNS[word][0]} {word}   v{each.version}{then}", width, HEAD),
        line,
        (Piece(fit(f" {_phases(each, record, now)}", width)),),
        (Piece(" " * width),),
    ]
    bottom = [line, slider(record, inside, newest.version, width)]
    tabs = [line, tab_names(each, record, inside, width)]
    room = height - len(lines) - len(bottom) - len(tabs)
    middle = _gate(state, each, record, width, now)
    if inside.at is not None:
        past = fit(" As it was: nothing can be done there. '.' leads back to now.", width)
        middle.insert(0, (Piece(past, NEEDS),))
    middle = middle[: max(room - MIN_TAB_ROWS, 0)]
    listed = tab_rows(state, record, width, room - len(middle), now)
    return padded([*lines, *middle, *tabs, *listed, *bottom], height, width)


def _gate(
    state: MonitorState, each: Contract, record: Record | None, width: int, now: datetime
) -> list[Line]:
    lines = gate_lines(each, record, width, now, whole=state.explained)
    question = state.questions.get(each.id) if state.inside.at is None else None
    if question is not None:
        texts = question_texts(question.question, question.options, width - 4, MAX_QUESTION_LINES)
        lines_of_it = [f" {'  ' if number else '? '}{text}" for number, text in enumerate(texts)]
        lines[:0] = [(Piece(fit(text, width), NEEDS),) for text in lines_of_it]
    return lines


def _phases(each: Contract, record: Record | None, now: datetime) -> str:
    names = each.phase_names
    place = names.index(each.phase) if each.phase in names else -1
    took = phase_times(record) if record else {}
    began = phase_began(record) if record and each.status not in ENDED else None
    if began is not None:
        took[each.phase] = (now - began).total_seconds()
    signs = ("✓" if number < place else "●" if number == place else "○" for number in range(len(names)))
    return "   ".join(
        f"{sign} {name}" + (f" {age(took[name])}" if name in took and sign != "○" else "")
        for sign, name in zip(signs, names, strict=True)
    )
