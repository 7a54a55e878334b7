"""Why a contract does not go on: the gate of its phase as lines, from what the server tells of it."""

from collections.abc import Mapping

from makima_sdk.models import ENDED, Contract

from makima_cli.monitor.cells import HEAD, NEEDS, Line, Piece, between, fit
from makima_cli.monitor.model import next_phase
from makima_cli.monitor.record import Record
from makima_cli.next_steps import as_command, who

COUNTED = "tasks incomplete"  # each of them has a line
_SIGNS = {"completed": "✓", "running": "●", "claimed": "●", "failed": "✗"}


def gate_lines(contract: Contract, record: Record | None, width: int, *, whole: bool = False) -> list[Line]:
    """With `whole`, each reason also with who must act and how."""
    if contract.status in ENDED:
        return [(Piece(fit(f" It is {contract.status}: there is nothing left to go on to.", width), HEAD),)]
    to = next_phase(contract)
    title = f"WHY IT DOES NOT GO ON TO {to}" if to else "WHY IT IS NOT COMPLETED"
    verdict = record.verdict if record else ""
    lines = [between(title, verdict, width, HEAD)]
    lines += [(Piece(fit(f" {text}", width)),) for text in _conditions(contract, record)]
    for reason in record.reasons if record else ():
        if reason.get("code") == "GATE_OPEN" and not whole:
            continue
        text = f" ! [{reason.get('kind')}] {reason.get('code')}: {reason.get('text')}"
        lines.append((Piece(fit(text, width), NEEDS if reason.get("code") != "GATE_OPEN" else ""),))
        if whole:
            lines += [(Piece(fit(text, width)),) for text in _act(reason)]
    return lines


def _act(reason: Mapping[str, object]) -> list[str]:
    return [f"     who: {who(reason.get('code'))}", f"     do:  {as_command(reason.get('act'))}"]


def _conditions(contract: Contract, record: Record | None) -> list[str]:
    items = [item for item in contract.deliverables if item.phase == contract.phase]
    done = sum(item.completed for item in items)
    lines = [f"{_met(done == len(items))} {'deliverables':<16} {done} of {len(items)}"]
    lines += [
        f"  {_met(item.completed)} {fit(item.id, 26)} {'complete' if item.completed else 'missing'}"
        for item in items
    ]
    tasks = [each for each in record.rows_of_tasks() if each.phase == contract.phase] if record else []
    finished = sum(each.status == "completed" for each in tasks)
    known = {f"Task: {each.name}" for each in tasks}
    known |= {f"Deliverable: {text}" for item in items for text in (item.id, item.name)}
    lines.append(f"{_met(finished == len(tasks))} {'tasks':<16} {finished} of {len(tasks)}")
    lines += [
        f"  {_SIGNS.get(each.status, '○')} {fit(each.name, 26)} {each.status:<10} {each.role}"
        for each in tasks
    ]
    missing = record.missing if record else ()
    lines += [f"  ○ {text}" for text in missing if text not in known and not text.endswith(COUNTED)]
    auto = "on" if contract.auto_complete_enabled else "off"
    lines.append(f"{_met(contract.auto_complete_enabled)} {'switches':<16} auto-complete {auto}")
    guard = "on: you confirm each phase" if contract.phase_guard else "off"
    return [*lines, f"{'?' if contract.phase_guard else '✓'} {'guard':<16} {guard}"]


def _met(met: bool) -> str:
    return "✓" if met else "○"
