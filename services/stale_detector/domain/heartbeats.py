"""What the detector needs of a heartbeat: who speaks, for which contract, under which connection."""

from typing import Final

import msgspec
from makima_schemas.heartbeat import MAX_HEARTBEAT_BYTES, DaemonHeartbeat, SupervisorHeartbeat
from makima_schemas.supervisor import SupervisorState

_SUPERVISOR: Final = msgspec.json.Decoder(SupervisorHeartbeat)
_DAEMON: Final = msgspec.json.Decoder(DaemonHeartbeat)

# (sender, contract id, connection id); a plain tuple, because one is made for every heartbeat
Spoken = tuple[str, str | None, str | None]


def read(subject: str, payload: bytes) -> Spoken | None:
    """Null for canaries, for agents (nobody judges them yet), and for what the recorder sets aside: a malformed heartbeat proves
    nothing. Nothing that the recorder takes is refused here, or a live sender would be called dead; the whole body is decoded,
    because the same schema must say so in both places. It costs about 1 µs.
    """
    if len(payload) > MAX_HEARTBEAT_BYTES:
        return None
    tokens = subject.split(".")
    try:
        match tokens[3]:
            case "supervisor":
                said = _SUPERVISOR.decode(payload)
                if said.task_id != tokens[-1] or said.state is SupervisorState.INTERRUPTED:
                    return None
                return ("supervisor:" + said.task_id, said.contract_id, said.connection_id)
            case "daemon":
                daemon_id = _DAEMON.decode(payload).daemon_id
                return ("daemon:" + daemon_id, None, None) if daemon_id == tokens[-1] else None
            case _:
                return None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
