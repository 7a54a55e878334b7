"""Actions that ask first: each says what it will do, to what; what cannot be done now is told."""

from collections.abc import Mapping
from typing import Final

from makima_schemas.contract.model import ContractStatus
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from makima_sdk.models import ENDED, Contract

from makima_cli.monitor.cursor import agent_here, is_on_contract
from makima_cli.monitor.model import RESTARTED_IN, Pane, Prompt, next_phase
from makima_cli.monitor.state import MonitorState

S = ContractStatus
_UNENDED: Final = frozenset(ContractStatus) - ENDED
# The actions of a batch by their key, and of which statuses each can be.
BATCH: Final[Mapping[str, tuple[str, frozenset[ContractStatus]]]] = {
    "p": ("pause", frozenset({S.ACTIVE, S.WAITING_FOR_INPUT, S.BLOCKED})),
    "r": ("resume", frozenset({S.PAUSED})),
    "u": ("unblock", frozenset({S.BLOCKED})),
    "s": ("start", frozenset({S.CREATED})),
    "f": ("fail", _UNENDED),
    "a": ("archive", frozenset({S.COMPLETED, S.FAILED})),
}
_STATUS_ACTIONS: Final = {
    ("P", S.PAUSED): "resume",
    ("P", S.ACTIVE): "pause",
    ("P", S.WAITING_FOR_INPUT): "pause",
    ("P", S.BLOCKED): "pause",
    ("U", S.BLOCKED): "unblock",
}
MAX_NAMED: Final = 3  # contracts that a preview names


def ask(state: MonitorState, key: str) -> None:
    """Ask whether to do what `key` stands for."""
    if key == "b" and state.pane is Pane.CONTRACTS:
        ask_batch(state)
        return
    contract = state.contracts.get(state.subject())
    if contract is None:
        return
    if key == "r" and state.pane is not Pane.EVENTS:
        _ask_restart(state)
        return
    if not is_on_contract(state):
        state.notice = f"{key} is about a contract: Enter opens {contract.name}"
        return
    action = _STATUS_ACTIONS.get((key, contract.status))
    if key == "a" and contract.id in state.questions and contract.status is S.WAITING_FOR_INPUT:
        _ask_answer(state, contract)
    elif key == "c" and contract.waiting_for == "phase_confirmation":
        _ask_confirmation(state, contract)
    elif action or (key == "F" and contract.status not in ENDED):
        _ask_whether(state, contract, action or "fail")
    else:
        state.notice = f"{contract.name} is {contract.status}: nothing to do with {key}"


def _ask_answer(state: MonitorState, contract: Contract) -> None:
    question = state.questions[contract.id]
    state.prompt = Prompt(
        "answer", contract.id, asks=question.question, question_id=question.id, choices=question.options
    )


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


def _ask_restart(state: MonitorState) -> None:
    here = agent_here(state)
    if here is None:
        return
    contract_id, role = here
    contract = state.contracts.get(contract_id)
    if contract is not None and contract.status not in RESTARTED_IN:
        resumes = ": P resumes it, then r restarts" if contract.status is S.PAUSED else ""
        state.notice = f"{contract.name} is {contract.status}, nobody is restarted in it{resumes}"
        return
    does = "its daemon ends it and starts it again"
    if role == SUPERVISOR_ROLE:
        does += " from its saved state"
    asks = f"restart {role} of {state.name(contract_id)}: {does}? y/n"
    state.prompt = Prompt("restart", contract_id, asks=asks, value=role)


def ask_batch(state: MonitorState) -> None:
    if not state.marked:
        state.notice = "Nothing is selected: x selects a contract, X all to here"
        return
    actions = "  ".join(f"{key} {action}" for key, (action, _) in BATCH.items())
    state.prompt = Prompt("batch", asks=f"{len(state.marked)} selected: {actions}")


def preview_batch(state: MonitorState, key: str | None) -> None:
    """Say for which of the selected contracts the action can be done, and ask."""
    state.prompt = None
    if key not in BATCH:
        return
    action, statuses = BATCH[key]
    chosen = [state.contracts[contract_id] for contract_id in state.marked if contract_id in state.contracts]
    able = [each for each in chosen if each.status in statuses]
    names = ", ".join(each.name for each in able[:MAX_NAMED]) + (", …" if len(able) > MAX_NAMED else "")
    left = len(chosen) - len(able)
    if not able:
        state.notice = f"{action}: none of the {len(chosen)} selected can be"
        return
    asks = f"{action} {len(able)} of {len(chosen)}" + (f" ({left} cannot be)" if left else "")
    items = tuple((each.id, each.version) for each in able)
    state.prompt = Prompt("do batch", value=action, asks=f"{asks}: {names}? y/n", items=items)
