"""A contract whose supervisor a daemon runs, and what the tests ask of it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import asyncpg
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas.codec import Event, decode
from makima_schemas.contract.events import ContractAssigned
from makima_schemas.envelope import Recorded
from makima_schemas.supervisor import RestorationProved, RestorationRequested, SupervisorStateChanged

from tests.daemon.machine import Machine
from tests.services.gateway.harness import act, authenticated_client, body, created, items

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
SUPERVISOR = (sys.executable, str(EXAMPLES / "supervisor.py"), "write", "test")


@dataclass
class Supervised:
    machine: Machine
    contract_id: str

    @classmethod
    async def started(cls, machine: Machine) -> "Supervised":
        http = machine.gateways.clients[0]
        contract_id = str((await created(http))["id"])
        await act(http, contract_id, "start")
        return cls(machine, contract_id)

    @property
    def path(self) -> str:
        return f"/contracts/{self.contract_id}"

    async def tasks(self) -> dict[str, str]:
        """Those that the supervisor created: name by id."""
        found = await items(self.machine.gateways.clients[0], f"{self.path}/tasks")
        return {str(task["id"]): str(task["name"]) for task in found if not task["is_supervisor"]}

    async def done(self, *names: str) -> None:
        """Until each task was completed, once, and the supervisor says that it is done."""

        async def all_done() -> bool:
            found = await items(self.machine.gateways.clients[0], f"{self.path}/tasks")
            tasks = {
                str(task["name"]): (task["status"], task["result"])
                for task in found
                if not task["is_supervisor"]
            }
            assert tasks == {name: ("completed", f"built {name}") for name in names}, found
            return True

        await eventually(all_done)
        await self.state_is("completed")
        assert len(await self.tasks()) == len(names)

    async def waits_for(self, count: int) -> dict[str, str]:
        """The tasks, once the supervisor has created so many and saved that it waits for them."""

        async def saved() -> bool:
            state = await items(self.machine.gateways.clients[0], f"{self.path}/supervisor/state")
            waits = [save for save in state if save["kind"] == "waiting_on"]
            assert waits, state
            return len(cast("dict[str, list[str]]", waits[-1]["content"])["task_ids"]) >= count

        await eventually(saved)
        return await self.tasks()

    async def finish_tasks(self) -> None:
        http = self.machine.gateways.clients[0]
        for task_id in await self.tasks():
            steps: dict[str, dict[str, object]] = {
                "claim": {"role": "builder"}, "start": {}, "complete": {"success": True},
            }  # fmt: skip
            for step, said in steps.items():
                answer = await http.post(
                    f"{self.path}/tasks/{task_id}/{step}", json={"connection_id": "a-person", **said}
                )
                assert answer.status_code == 200, answer.text

    async def state_is(self, state: str) -> None:
        async def told() -> bool:
            answer = await self.machine.gateways.clients[0].get(f"{self.path}/supervisor/status")
            assert answer.status_code == 200, answer.text
            assert body(answer)["state"] == state, answer.text
            return True

        await eventually(told)

    async def status_is(self, status: str) -> None:
        """Of the supervisor's agent."""

        async def told() -> bool:
            answer = await self.machine.gateways.clients[0].get(f"{self.path}/agents/supervisor")
            assert body(answer)["agent_status"] == status, answer.text
            return True

        await eventually(told)

    async def supervisor_events(self) -> list[str]:
        """Types, without saves and changes of state."""
        left_out = {"SupervisorSaved", "CheckpointSaved", "SupervisorStateChanged"}
        return [each.type for each in await self._recorded() if each.type not in left_out]

    async def outcomes(self) -> list[str]:
        """Of its restorations."""
        return [each.outcome for each in await self._events() if isinstance(each, RestorationRequested)]

    async def proofs(self) -> list[str]:
        """Connections whose restoration was proved."""
        return [each.connection_id for each in await self._events() if isinstance(each, RestorationProved)]

    async def requested(self, daemon_id: str) -> str:
        """The connection that a restoration handed out to this daemon, once one did."""

        async def told() -> str:
            requests = [each for each in await self._events() if isinstance(each, RestorationRequested)]
            return next((each.connection_id for each in requests if each.daemon_id == daemon_id), "")

        return await eventually(told)

    async def is_in_force(self, connection_id: str) -> None:
        async def told() -> bool:
            newest = [each for each in await self._events() if isinstance(each, SupervisorStateChanged)][-1]
            assert newest.connection_id == connection_id, newest
            return newest.changed_by == "heartbeat"

        await eventually(told)

    async def held_by(self, daemon_id: str) -> None:
        async def told() -> bool:
            recorded = await self.machine.gateways.log.stream("default", f"contract-{self.contract_id}")
            events = [decode(each.type, each.schema, each.data) for each in recorded]
            assigned = [each.daemon_id for each in events if isinstance(each, ContractAssigned)]
            assert assigned[-1] == daemon_id, assigned
            return True

        await eventually(told)

    def connection(self) -> str:
        """Of the process that runs."""
        (process,) = self.machine.processes(self.contract_id)
        return process.environ()["MAKIMA_CONNECTION_ID"]

    async def beat(self, connection_id: str) -> None:
        """As its process would, on the machine of before."""
        beat = {"connection_id": connection_id, "daemon_id": self.machine.daemon_id, "state": "working"}
        await self._post("heartbeat", beat | {"phase": "plan"})

    async def save(self, kind: str, **content: str) -> None:
        await self._post("state", {"kind": kind, "connection_id": self.connection(), **content})

    async def rot(self, what: str, into: str) -> None:
        """Alters a save as a broken disk would: past the trigger that keeps the log append-only."""
        database = await asyncpg.connect(self.machine.gateways.replicas[0].settings.database_url)
        try:
            await database.execute("alter table event_log.events disable trigger append_only")
            await database.execute(
                "update event_log.events set data = replace(data::text, $2, $3)::json where stream = $1",
                f"supervisor-{await self._task()}",
                what,
                into,
            )
            await database.execute("alter table event_log.events enable always trigger append_only")
        finally:
            await database.close()

    async def _post(self, what: str, members: dict[str, str]) -> None:
        url = str(self.machine.gateways.clients[0].base_url)
        async with authenticated_client(self.machine.connection.token, url) as daemon:
            answer = await daemon.post(f"{self.path}/supervisor/{what}", json=members)
            assert answer.status_code == 200, answer.text

    async def _task(self) -> str:
        answer = await self.machine.gateways.clients[0].get(f"{self.path}/supervisor/status")
        return str(body(answer)["task_id"])

    async def _recorded(self) -> list[Recorded]:
        return await self.machine.gateways.log.stream("default", f"supervisor-{await self._task()}")

    async def _events(self) -> list[Event]:
        return [decode(each.type, each.schema, each.data) for each in await self._recorded()]

    async def proved(self, count: int) -> None:
        async def told() -> bool:
            events = await self.supervisor_events()
            assert events.count("RestorationProved") >= count, events
            return True

        await eventually(told, PATIENCE)
