"""Creates a contract. Its phases come from its type or the command's own list, and are fixed from then on."""

from collections import Counter

from makima_schemas.contract.commands import CreateContract
from makima_schemas.contract.contract_types import ContractTypes
from makima_schemas.contract.events import ContractCreated, ContractEvent
from makima_schemas.contract.model import Phase

from makima_contract.domain.refusals import invalid


def create(
    command: CreateContract, types: ContractTypes, *, auto_complete_enabled: bool
) -> list[ContractEvent]:
    """Returns the `ContractCreated` event.

    `types`: the known contract types with their phases. `auto_complete_enabled`: the configured default, used
    if the command does not set it. Raises `Refused(INVALID_REQUEST)` for an unknown type without own phases,
    for an empty list of phases, for a name or id that is declared twice, and for a gate that requires a
    deliverable which its phase does not declare.
    """
    chosen = command.auto_complete_enabled
    return [
        ContractCreated(
            name=command.name,
            description=command.description,
            contract_type=command.contract_type,
            owner_id=command.owner_id,
            phases=_phases(command, types),
            phase_guard=command.phase_guard,
            auto_complete_enabled=auto_complete_enabled if chosen is None else chosen,
            stale_after_seconds=command.stale_after_seconds,
        )
    ]


def _phases(command: CreateContract, types: ContractTypes) -> tuple[Phase, ...]:
    """The command's own phases if it has any, else those of its contract type."""
    if command.phases is None:
        if command.contract_type not in types:
            raise invalid(
                "contract_type",
                f"{command.contract_type!r} is not one of {', '.join(types)}",
                hint="use one of these types, or declare the phases in `phases`",
            )
        return types[command.contract_type]
    if not command.phases:
        raise invalid("phases", "a contract needs at least one phase")
    twice = _twice([phase.name for phase in command.phases])
    if twice:
        raise invalid("phases", f"phase {twice!r} is declared twice")
    for index, phase in enumerate(command.phases):
        _check(phase, f"phases.{index}")
    return command.phases


def _check(phase: Phase, path: str) -> None:
    """Checks a phase's deliverables. `path` is its place in the command, such as `phases.0`."""
    declared = [deliverable.id for deliverable in phase.deliverables]
    twice = _twice(declared)
    if twice:
        raise invalid(f"{path}.deliverables", f"deliverable {twice!r} is declared twice")
    unknown = [needed for needed in phase.gate.required_deliverables or () if needed not in declared]
    if unknown:
        raise invalid(
            f"{path}.gate.required_deliverables",
            f"{unknown[0]!r} is not a deliverable of phase {phase.name!r}",
        )


def _twice(names: list[str]) -> str | None:
    """The first of `names` that occurs more than once."""
    return next((name for name, count in Counter(names).items() if count > 1), None)
