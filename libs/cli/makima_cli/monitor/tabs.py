"""The tabs of an opened contract: its events, tasks, deliverables, questions and agents."""

from datetime import datetime

from makima_sdk.models import Contract

from makima_cli.monitor import rows
from makima_cli.monitor.cells import CURSOR, DIM, Line, Piece, fit, padded, window
from makima_cli.monitor.logged import logged_sentence
from makima_cli.monitor.record import Inside, Record, Tab
from makima_cli.monitor.state import MonitorState

_TASK_SIGNS = {"completed": "✓", "running": "●", "claimed": "●", "failed": "✗"}


def tab_names(contract: Contract, record: Record | None, inside: Inside, width: int) -> Line:
    done = sum(item.completed for item in contract.deliverables)
    counts: dict[Tab, object] = {Tab.DELIVERABLES: f"{done}/{len(contract.deliverables)}"}
    if record is not None:
        counts |= {
            Tab.EVENTS: contract.version,
            Tab.TASKS: len(record.tasks),
            Tab.QUESTIONS: len(record.questions),
            Tab.AGENTS: len(record.agents),
        }
    names = [(tab, f"{tab.value} {tab.name.title()} {counts.get(tab, '')}".rstrip()) for tab in Tab]
    shown = " ".join(f"[{name}]" if tab is inside.tab else f" {name} " for tab, name in names)
    return (Piece(fit(f" {shown}", width)),)


def tab_rows(
    state: MonitorState, record: Record | None, width: int, height: int, now: datetime
) -> list[Line]:
    """The rows in sight. The cursor stays within them."""
    inside = state.inside
    if height < 1:
        return []
    if record is None:
        return padded([(Piece(fit(" …", width), DIM),)], height, width)
    texts = tab_texts(record, inside.tab)
    row = max(0, min(inside.row, count(record, inside.tab) - 1))
    if inside.tab is Tab.AGENTS:
        row = inside.place(record.contract.id)
    first = window(count(record, inside.tab), row, height)
    if inside.tab is Tab.AGENTS:
        shown = [
            rows.agent(state, each, width, now, chosen=number == row)
            for number, each in enumerate(record.agents[first : first + height], first)
        ]
        return padded(shown, height, width)
    shown = [
        (Piece(fit(f"▌{text}", width), CURSOR),) if number == row else (Piece(fit(f" {text}", width)),)
        for number, text in enumerate(texts[first : first + height], first)
    ]
    return padded(shown, height, width)


def count(record: Record, tab: Tab) -> int:
    return len(record.agents) if tab is Tab.AGENTS else len(tab_texts(record, tab))


def tab_texts(record: Record, tab: Tab) -> list[str]:
    """A text for each row; none for agents, which have rows of their own."""
    match tab:
        case Tab.EVENTS:
            tasks = {each.id: each for each in record.tasks}
            until = record.contract.version if record.at is None else record.at
            return [
                f"{each.version:>4}  {each.at:%H:%M:%S}.{each.at.microsecond // 1000:03}  {each.kind:<20} "
                f"{logged_sentence(each, tasks)}"
                for each in reversed(record.log)
                if each.version <= until
            ]
        case Tab.TASKS:
            return [
                f"{_TASK_SIGNS.get(each.status, '○')} {fit(each.name, 34)} {fit(each.phase, 12)} "
                f"{each.status:<10} {each.role or ''}"
                for each in record.tasks
            ]
        case Tab.DELIVERABLES:
            return [
                f"{'✓' if each.completed else '○'} {fit(each.id, 34)} {fit(each.phase, 12)} {each.name}"
                for each in record.contract.deliverables
            ]
        case Tab.QUESTIONS:
            return [
                f"{'?' if each.status == 'open' else '✓'} {each.question}   {each.answer or ''}"
                for each in record.questions
            ]
        case Tab.AGENTS:
            return []
