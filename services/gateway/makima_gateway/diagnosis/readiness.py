"""Tells whether a contract's current phase is ready, by the pure function that the
contract service uses too.
"""

from collections.abc import Iterable
from typing import Final, cast

import orjson
from makima_schemas.contract.model import Phase
from makima_schemas.gate import readiness
from pydantic import TypeAdapter

from makima_gateway.diagnosis.contract_facts import PhaseStanding
from makima_gateway.read_model.queries import Queries
from makima_gateway.read_model.rows import ContractRow, TaskRow

PHASES: Final = TypeAdapter(tuple[Phase, ...])


async def phase_standing(queries: Queries, row: ContractRow) -> PhaseStanding:
    """Evaluate the gate of the contract's current phase over the read model's tasks and deliverables."""
    return standing(row, await queries.tasks_of_phase(row.tenant, row.id, row.phase))


def standing(row: ContractRow, tasks: Iterable[TaskRow]) -> PhaseStanding:
    """As `phase_standing`, over these tasks."""
    phases = PHASES.validate_json(row.phases)
    at = next(number for number, phase in enumerate(phases) if phase.name == row.phase)
    following = phases[at + 1].name if at + 1 < len(phases) else None
    return PhaseStanding(
        phases[at],
        following,
        readiness(phases[at], _delivered(row), tasks, row.validated, row.validation_reason),
    )


def _delivered(row: ContractRow) -> set[str]:
    """Ids of the completed deliverables of the current phase."""
    items = cast("list[dict[str, object]]", orjson.loads(row.deliverables))
    return {str(item["id"]) for item in items if item["phase"] == row.phase and item["completed"]}
