"""What a key does: changes the state, and may ask for an effect."""

from datetime import datetime
from typing import Final, NamedTuple

from makima_schemas.contract.model import ContractStatus

from makima_cli.evidence import restart_command
from makima_cli.monitor.asks import ask, preview_batch
from makima_cli.monitor.cursor import agent_here, is_on_contract, need_here, on_agent
from makima_cli.monitor.model import ORDERS, PANE_FILTERS, Pane, Prompt, next_phase
from makima_cli.monitor.moving import TO_TOP, mark, move, next_need, next_pane, scroll, slide
from makima_cli.monitor.record import Tab
from makima_cli.monitor.state import MonitorState
from makima_cli.monitor.wanted import FilterError, parse

PAGE_ROWS: Final = 10
MAX_TYPED: Final = 4000  # characters of an answer or a filter


class Act(NamedTuple):
    """An effect: a write, a question to the server, a copy, or the end."""

    kind: str  # quit, copy, why, advance (dry run), do advance, do batch, restart, answer, confirm, or an API action
    contract_id: str = ""
    value: str = ""  # the answer, the phase, the role, the action of a batch, or what is copied
    question_id: str = ""
    version: int | None = None  # of the contract as it was shown: another one refuses
    items: tuple[tuple[str, int], ...] = ()  # of a batch: contracts and their versions


STEPS: Final = {
    "j": 1,
    "down": 1,
    "k": -1,
    "up": -1,
    "space": PAGE_ROWS,
    "pagedown": PAGE_ROWS,
    "pageup": -PAGE_ROWS,
}
_TO_FAR_END: Final = {"g": TO_TOP, "home": TO_TOP, "G": 10**9, "end": 10**9}
_WRITES: Final = frozenset("acAPUFrb")


def press(state: MonitorState, key: str, character: str | None, now: datetime) -> Act | None:
    """`key` is textual's name of the key, `character` what it types, if anything."""
    if state.prompt is not None:
        return _type(state, state.prompt, key, character)
    state.notice = ""
    name = character if character and character.isprintable() and character != " " else key
    if name == "q":
        return Act("quit")
    if state.help or state.reading:
        _read_on(state, name, now)
    elif name in STEPS or name in _TO_FAR_END:
        move(state, (STEPS | _TO_FAR_END)[name], now)
    elif name in "[]{}." and state.opened:
        slide(state, name)
    elif name in _WRITES:
        return _write(state, name)
    elif name in ("w", "y"):
        return _why(state) if name == "w" else _copy(state)
    else:
        _show(state, name, now)
    return None


def _read_on(state: MonitorState, name: str, now: datetime) -> None:
    """While a text takes the screen, keys move through it and lead back; what is beneath it nobody sees."""
    if name in STEPS or name in _TO_FAR_END:
        scroll(state, (STEPS | _TO_FAR_END)[name])
    elif name in ("1", "2", "3", "4", "?", "escape"):
        if name.isdecimal():
            state.help, state.reading = False, ()
        _show(state, name, now)


def _show(state: MonitorState, name: str, now: datetime) -> None:
    """Keys that change nothing but what is seen."""
    match name:
        case "1" | "2" | "3" | "4" | "5" if state.opened:
            state.inside.go_to(Tab(int(name)))
        case "1" | "2" | "3" | "4":
            state.pane, state.help, state.reading, state.whole = Pane(int(name)), False, (), True
            state.scroll = 0
        case "tab":
            next_pane(state)
        case "?":
            state.help, state.scroll = not state.help, 0
        case "escape":
            _back(state)
        case "enter" if state.subject() and not state.opened:
            need = need_here(state)
            state.opened = state.subject()
            state.inside.begin(need.role if need else "")
        case "n":
            next_need(state)
        case "/" if PANE_FILTERS[state.pane]:
            state.prompt = Prompt("filter", text=state.filters[state.pane].text, asks="filter /")
        case _:
            _arrange(state, name, now)


def _arrange(state: MonitorState, name: str, now: datetime) -> None:
    """Order, pause and selection."""
    if name == "s" and state.pane in ORDERS:
        names = ORDERS[state.pane]
        state.orders[state.pane] = names[(names.index(state.orders[state.pane]) + 1) % len(names)]
    elif name == "p":
        state.pause_or_go_on(now)
    elif name in ("x", "X") and state.pane is Pane.CONTRACTS and state.selected[Pane.CONTRACTS]:
        mark(state, now, to_here=name == "X")


def _back(state: MonitorState) -> None:
    """From the help, else from an answer, a contract, the selection, and at last from the cursor: rows move again."""
    state.scroll = 0
    if state.help:
        state.help = False
    elif state.reading:
        state.reading = ()
    elif state.opened:
        state.opened, state.explained = "", False
        state.inside.begin()
    elif state.marked:
        state.marked.clear()
    else:
        state.selected[state.pane] = ""


def _write(state: MonitorState, key: str) -> Act | None:
    if state.opened and state.inside.at is not None:
        state.notice = "This is the past: nothing can be done there. '.' leads back to now."
        return None
    if key != "A" or not is_on_contract(state):
        ask(state, key)
        return None
    contract = state.contracts.get(state.subject())
    if contract is None:
        return None
    following = next_phase(contract)
    if following is None:
        state.notice = f"{contract.phase} is the last phase: makima contracts complete {contract.id}"
        return None
    state.notice = f"dry run: {contract.phase} → {following} …"
    return Act("advance", contract.id, following, version=contract.version)


def _why(state: MonitorState) -> Act | None:
    """Of an agent: why it was declared dead; of a contract: why it does not go on."""
    here = agent_here(state)
    if on_agent(state) and here is not None:
        return Act("why", here[0], here[1])
    if state.opened:
        state.explained = not state.explained
    elif state.subject():
        state.opened, state.explained = state.subject(), True
        state.inside.begin()
    return None


def _copy(state: MonitorState) -> Act | None:
    """The id of what the cursor is on; the same again: the command about it."""
    here = agent_here(state)
    if here is None:
        return None
    contract_id, role = here
    whole = f"{contract_id}/{role}" if on_agent(state) else contract_id
    command = _agent_command(state, *here) if on_agent(state) else _command(state, contract_id)
    text = command if state.copied == whole else whole
    state.copied = "" if text == command else whole
    state.notice = f"copied: {text}" + ("" if text == command else "   (y: the command)")
    return Act("copy", value=text)


def _agent_command(state: MonitorState, contract_id: str, role: str) -> str:
    """Of an agent that waits, what revives it (in a paused contract: what must go before), else what says why it is as it is."""
    if need_here(state) is None:
        return f"makima why {contract_id}/{role}"
    contract = state.contracts.get(contract_id)
    if contract is not None and contract.status is ContractStatus.PAUSED:
        return f"makima contracts resume {contract_id}"
    return restart_command(contract_id, role)


def _command(state: MonitorState, contract_id: str) -> str:
    """What does what waits, else what shows it."""
    contract, question = state.contracts.get(contract_id), state.questions.get(contract_id)
    if question is not None:
        return f"makima contracts answer {contract_id} {question.id} ANSWER"
    if contract is not None and contract.waiting_for == "phase_confirmation":
        return f"makima contracts confirm {contract_id}"
    blocked = contract is not None and contract.status is ContractStatus.BLOCKED
    return f"makima contracts {'unblock' if blocked else 'explain'} {contract_id}"


def _type(state: MonitorState, prompt: Prompt, key: str, character: str | None) -> Act | None:
    if key == "escape":
        state.prompt = None
        return None
    if prompt.kind == "batch":
        preview_batch(state, character)
        return None
    if prompt.kind not in ("filter", "answer"):
        state.prompt = None
        return _confirmed(prompt) if character in ("y", "Y") else None
    if key == "enter":
        return _entered(state, prompt)
    text = prompt.text
    if key == "backspace":
        text = text[:-1]
    elif key == "ctrl+u":
        text = ""
    elif character and character.isprintable():
        text = (text + character)[:MAX_TYPED]
    state.prompt = prompt._replace(text=text)
    return None


def _entered(state: MonitorState, prompt: Prompt) -> Act | None:
    state.prompt = None
    if prompt.kind == "filter":
        try:
            state.filters[state.pane] = parse(prompt.text, PANE_FILTERS[state.pane])
        except FilterError as error:
            state.notice = str(error)
        return None
    question = state.questions.get(prompt.contract_id)
    if question is None or question.id != prompt.question_id:
        state.notice = "The question was answered by somebody else."
        return None
    answer = prompt.text.strip()
    if answer.isdecimal() and 1 <= int(answer) <= len(question.options):
        answer = question.options[int(answer) - 1]
    return Act("answer", prompt.contract_id, answer, question.id) if answer else None


def _confirmed(prompt: Prompt) -> Act:
    """What was asked, not what it would be by now: if the contract has changed meanwhile, the version refuses."""
    return Act(prompt.kind, prompt.contract_id, prompt.value, version=prompt.version, items=prompt.items)
