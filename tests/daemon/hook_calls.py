"""What `makima hook` says to the daemon of the machine, without its process."""

import asyncio
import json

from tests.daemon.machine import Machine


async def hook(machine: Machine, contract: str, **event: object) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(machine.workspace.socket)
    ids = {"contract_id": contract, "role": event.pop("role", "builder"), "connection_id": "k1"}
    said = {"op": "hook", **ids, "pids": event.pop("pids", []), "event": event}
    writer.write(json.dumps(said).encode() + b"\n")
    answer = json.loads(await reader.readline())
    writer.close()
    return answer
