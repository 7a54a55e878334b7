"""Rules of the diagnosis about the current phase: its gate, its guard, and what moves it on."""

from collections.abc import Iterator

from makima_gateway.diagnosis.contract_facts import ContractFacts
from makima_gateway.diagnosis.finding import Finding, path_of


def guard(found: ContractFacts) -> Iterator[Finding]:
    row, standing = found.contract, found.phase_standing
    if not found.at_work or not row.phase_guard or not standing.gate.by_gate or standing.following is None:
        return
    text = f"phase {row.phase} is ready; the phase guard requires a person to confirm {standing.following}"
    act = f'POST {path_of(found, "phase")} {{"phase": "{standing.following}", "confirmed": true}}'
    yield Finding(text, row.last_activity_at, act, found.evidence_of("InputAwaited", "PhaseGuardSet"))


def switched_off(found: ContractFacts) -> Iterator[Finding]:
    row, standing = found.contract, found.phase_standing
    if (
        not found.at_work
        or found.advances
        or not standing.gate.by_gate
        or (row.phase_guard and standing.following)
    ):
        return
    act = (
        f'POST {path_of(found, "phase")} {{"phase": "{standing.following}"}}'
        if standing.following
        else f"POST {path_of(found, 'complete')}"
    )
    text = f"phase {row.phase} is ready, but automatic advance is switched off"
    yield Finding(text, row.last_activity_at, act, found.evidence_of("AutoCompleteSet"))


def gate(found: ContractFacts) -> Iterator[Finding]:
    for member in found.phase_standing.gate.missing if found.at_work else ():
        since = found.since("PhaseChanged", "ContractStarted", "ContractReopened")
        yield Finding(
            f"phase {found.contract.phase} needs {member}", since, _fulfil(found, member), found.evidence_of()
        )


def _fulfil(found: ContractFacts, member: str) -> str:
    """What to do about one unsatisfied requirement of a gate (`Readiness.missing`)."""
    kind, _, name = member.partition(": ")
    match kind:
        case "Deliverable":
            return f"POST {path_of(found, f'deliverables/{name}/complete')}"
        case "Validator":
            return f"POST {path_of(found, 'check-completion')}"
        case _:
            return f"complete them; GET {path_of(found, 'tasks')}"
