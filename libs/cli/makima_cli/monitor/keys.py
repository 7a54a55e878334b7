"""What a key does: changes the state, and may ask for an effect."""

from datetime import datetime
from typing import Final, NamedTuple

from makima_schemas.contract.model import ContractStatus
from makima_sdk.models import Contract

from makima_cli.monitor.model import PANE_FILTERS, Pane, Prompt, next_phase
from makima_cli.monitor.rows import agent_key
from makima_cli.monitor.state import MonitorState
from makima_cli.monitor.wanted import FilterError, parse

PAGE_ROWS: Final = 10
MAX_TYPED: Final = 4000  # characters of an answer or a filter


class Act(NamedTuple):
    """An effect: a write about one contract, or the end."""

    kind: str  # quit, answer, confirm, or an action of the API
    contract_id: str = ""
    value: str = ""  # the answer, or the phase
    question_id: str = ""
    version: int | None = None  # of the contract as it was shown: another one refuses


STEPS: Final = {
    "j": 1,
    "down": 1,
    "k": -1,
    "up": -1,
    "space": PAGE_ROWS,
    "pagedown": PAGE_ROWS,
    "pageup": -PAGE_ROWS,
}
_TO_FAR_END: Final = {"g": -(10**9), "home": -(10**9), "G": 10**9, "end": 10**9}


def press(state: MonitorState, key: str, character: str | None, now: datetime) -> Act | None:
    """`key` is textual's name of the key, `character` what it types, if anything."""
    if state.prompt is not None:
        return _type(state, state.prompt, key, character)
    state.notice = ""
    name = character if character and character.isprintable() and character != " " else key
    if name == "q":
        return Act("quit")
    if name in STEPS or name in _TO_FAR_END:
        _move(state, (STEPS | _TO_FAR_END)[name], now)
    elif name in ("1", "2", "3"):
        state.pane, state.opened, state.help = Pane(int(name)), "", False
    elif name == "?":
        state.help = not state.help
    elif name == "escape":
        state.opened, state.help = "", False
    elif name == "enter":
        state.opened = state.subject()
    elif name == "n":
        _next_need(state)
    elif name == "/":
        state.prompt = Prompt("filter", text=state.filters[state.pane].text, asks="filter /")
    else:
        _ask(state, name)
    return None


def _move(state: MonitorState, step: int, now: datetime) -> None:
    if state.pane is Pane.CONTRACTS:
        ids = [each.id for each in state.listed(now)]
    elif state.pane is Pane.AGENTS:
        ids = [agent_key(each) for each in state.listed_agents()]
    else:
        ids = []
    if not ids:
        return
    chosen = state.selected[state.pane]
    place = ids.index(chosen) + step if chosen in ids else 0
    state.selected[state.pane] = ids[max(0, min(place, len(ids) - 1))]
    if state.opened:
        state.opened = state.selected[state.pane].partition("\n")[0]


def _next_need(state: MonitorState) -> None:
    ids = list(dict.fromkeys(need.contract_id for need in state.needs()))
    if not ids:
        state.notice = "Nothing waits for you."
        return
    chosen = state.selected[Pane.CONTRACTS]
    place = ids.index(chosen) + 1 if chosen in ids else 0
    state.pane = Pane.CONTRACTS
    state.selected[Pane.CONTRACTS] = ids[place % len(ids)]


def _ask(state: MonitorState, key: str) -> None:
    """Say what an action will do, and ask for it; what cannot be done now is told."""
    contract = state.contracts.get(state.subject())
    if contract is None:
        return
    match key, contract.status:
        case "a", ContractStatus.WAITING_FOR_INPUT if contract.id in state.questions:
            _ask_answer(state, contract)
        case "c", ContractStatus.WAITING_FOR_INPUT if contract.waiting_for == "phase_confirmation":
            _ask_confirmation(state, contract)
        case "P", ContractStatus.PAUSED:
            _ask_whether(state, contract, "resume")
        case "P", ContractStatus.ACTIVE | ContractStatus.WAITING_FOR_INPUT | ContractStatus.BLOCKED:
            _ask_whether(state, contract, "pause")
        case "U", ContractStatus.BLOCKED:
            _ask_whether(state, contract, "unblock")
        case "F", _:
            _ask_whether(state, contract, "fail")
        case "a" | "c" | "P" | "U", _:
            state.notice = f"{contract.name} is {contract.status}: nothing to do with {key}"
        case _:
            pass


def _ask_answer(state: MonitorState, contract: Contract) -> None:
    question = state.questions[contract.id]
    choices = "   ".join(f"{number} {option}" for number, option in enumerate(question.options, 1))
    asks = f"{question.question}   {choices}   answer:" if choices else f"{question.question} answer:"
    state.prompt = Prompt("answer", contract.id, asks=asks, question_id=question.id)


def _ask_confirmation(state: MonitorState, contract: Contract) -> None:
    following = next_phase(contract)
    if following is None:
        state.notice = f"{contract.phase} is the last phase: makima contracts complete {contract.id}"
        return
    asks = f"{contract.name}: {contract.phase} → {following}, go on? y/n"
    state.prompt = Prompt("confirm", contract.id, asks=asks, value=following, version=contract.version)


def _ask_whether(state: MonitorState, contract: Contract, action: str) -> None:
    asks = f"{action} {contract.name}? y/n"
    state.prompt = Prompt(action, contract.id, asks=asks, version=contract.version)


def _type(state: MonitorState, prompt: Prompt, key: str, character: str | None) -> Act | None:
    if key == "escape":
        state.prompt = None
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
    return Act(prompt.kind, prompt.contract_id, prompt.value, version=prompt.version)
