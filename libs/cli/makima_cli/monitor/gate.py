"""Why a contract does not go on: the gate of its phase as a tree, as the server evaluates it. No rule stands here."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from makima_sdk.models import ENDED, Contract

from makima_cli.durations import age
from makima_cli.monitor.cells import HEAD, NEEDS, Line, Piece, between, fit
from makima_cli.monitor.record import Condition, Gate, Record
from makima_cli.next_steps import as_command, who

_SIGNS: Final = {"met": "✓", "missing": "○", "unknown": "?", "not_required": "–"}
_WORDS: Final = {"met": "met", "missing": "missing", "unknown": "not known", "not_required": "not required"}
# Where a kind has words of its own for a state.
_KINDS_WORDS: Final = {
    ("switch", "met"): "on",
    ("switch", "missing"): "off",
    ("guard", "met"): "confirmed",
    ("guard", "missing"): "waits",
    ("guard", "unknown"): "not asked",
}
_LEAVES: Final = ("deliverable", "task")  # conditions that stand under one for all of them
_WHO: Final = 24  # cells for who must act, or the evidence


def gate_lines(
    contract: Contract, record: Record | None, width: int, now: datetime, *, whole: bool = False
) -> list[Line]:
    """With `whole`, each reason also with who must act and how."""
    then = record is not None and record.at is not None
    if contract.status in ENDED and not then:
        return [(Piece(fit(f" It is {contract.status}: there is nothing left to go on to.", width), HEAD),)]
    gate = record.gate if record else None
    if record is None or gate is None:
        return [(Piece(fit(" WHY IT DOES NOT GO ON", width), HEAD),)]
    to = f"GO ON TO {gate.next_phase}" if gate.next_phase else "END"
    title = f"WHY IT DID NOT {to} THEN" if then else f"WHY IT DOES NOT {to}"
    evaluated = f"{gate.evaluated_by}, {age((now - gate.evaluated_at).total_seconds())} ago"
    lines = [between(title, f"v{record.at}" if then else evaluated, width, HEAD)]
    lines += [(Piece(text),) for text in _conditions(gate, width, now)]
    for reason in record.reasons:
        if reason.get("code") == "GATE_OPEN" and not whole:
            continue
        text = f" ! [{reason.get('kind')}] {reason.get('code')}: {reason.get('text')}"
        lines.append((Piece(fit(text, width), NEEDS if reason.get("code") != "GATE_OPEN" else ""),))
        if whole:
            lines += [(Piece(fit(text, width)),) for text in _act(reason)]
    return lines


def _act(reason: Mapping[str, object]) -> list[str]:
    return [f"     who: {who(reason.get('code'))}", f"     do:  {as_command(reason.get('act'))}"]


def _conditions(gate: Gate, width: int, now: datetime) -> Iterator[str]:
    """Deliverables and tasks under a line for all of them, then the others."""
    of = {kind: [each for each in gate.conditions if each.kind == kind] for kind in _LEAVES}
    for kind, leaves in of.items():
        rules = [each for each in gate.conditions if each.kind == f"{kind}s"]
        if leaves or rules:
            state = rules[0].state if rules else _together(leaves)
            met = f"{sum(each.state == 'met' for each in leaves)} of {len(leaves)}"
            note = rules[0].name if rules else met
            yield _row(f" {_SIGNS[state]} {kind + 's':<13} {note}", _WORDS[state], "", "", width)
        for each in leaves:
            yield _condition("  ", each.id if kind == "deliverable" else each.name, each, width, now)
    for each in gate.conditions:
        if each.kind not in (*_LEAVES, "tasks"):
            yield _condition("", each.name, each, width, now)


def _together(leaves: Sequence[Condition]) -> str:
    """Missing where one is missing, else unknown where one is unknown."""
    states = {each.state for each in leaves}
    return next((state for state in ("missing", "unknown", "met") if state in states), "not_required")


def _condition(indent: str, name: str, each: Condition, width: int, now: datetime) -> str:
    word = _KINDS_WORDS.get((each.kind, each.state), _WORDS[each.state])
    since = age((now - each.since).total_seconds()) if each.since else ""
    last = each.evidence if each.state == "met" else each.waits_for
    return _row(f" {indent}{_SIGNS[each.state]} {name}", word, since, last, width)


def _row(start: str, word: str, since: str, last: str, width: int) -> str:
    end = f" {word:<12} {since:>5}  {fit(last, _WHO)}"
    return fit(f"{fit(start, max(width - len(end), 0))}{end}", width)
