"""A contract as the API shows it alone: with its supervisor, and what its phase still needs."""

from collections.abc import Iterable

import orjson
from makima_schemas.contract.model import TERMINAL_STATUSES, Phase
from makima_schemas.gate import GateTask, conditions
from pydantic import TypeAdapter

from makima_gateway.api import serializers as views
from makima_gateway.api.context import Gateway
from makima_gateway.api.schemas.contracts import Contract
from makima_gateway.read_model.rows import ContractRow

PHASES = TypeAdapter(tuple[Phase, ...])


async def whole_contract(gateway: Gateway, row: ContractRow) -> Contract:
    """The contract, from the read model: its row, its supervisor's, and the tasks of its phase."""
    queries = gateway.queries
    supervisor = (await queries.supervisors_of(row.tenant, [row])).get(row.supervisor_task_id or "")
    tasks = await queries.tasks_of_phase(row.tenant, row.id, row.phase) if row.tasks_total else []
    return views.contract(
        row,
        supervisor,
        gateway.latest_heartbeats,
        next_gate=next_gate(row, tasks),
        enhanced=gateway.enhanced,
    )


def next_gate(row: ContractRow, tasks: Iterable[GateTask]) -> list[str]:
    """What the gate of the contract's phase still needs: ids of deliverables, names of tasks, or how many are done."""
    if row.status in TERMINAL_STATUSES:
        return []
    phase = next(each for each in PHASES.validate_json(row.phases) if each.name == row.phase)
    done = {
        each["id"]
        for each in orjson.loads(row.deliverables)
        if each["phase"] == row.phase and each["completed"]
    }
    return [each.name for each in conditions(phase, done, tasks, row.validated) if not each.met]
