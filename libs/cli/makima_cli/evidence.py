"""What the status of an agent or a daemon rests on, in lines."""

from collections.abc import Mapping
from typing import Final, cast

SUPERVISOR: Final = "supervisor"  # the role; as the statuses, without an import that takes 70 ms
GIVEN_UP: Final = "dead_failed_revive"
BEATING: Final = frozenset({"ready", "working"})
REPORTED: Final = frozenset({"dead", GIVEN_UP, "restarting"})


def status_lines(agent: Mapping[str, object]) -> list[str]:
    """Who reported the status that an agent has now, where no verdict gave it; and what helps, if somebody must."""
    status = agent.get("agent_status")
    daemon = f"daemon {agent['daemon_id']}" if agent.get("daemon_id") else "its daemon"
    restarts = cast("Mapping[str, object]", agent.get("restarts") or {})
    count = f"{restarts.get('attempts')} of {restarts.get('of')}"
    match status:
        case status if status == GIVEN_UP:
            failed = f"its restarts failed{f', {count}' if restarts else ''}"
            contract_id = str(agent.get("contract_id"))
            first = f"makima contracts resume {contract_id}, then " if agent.get("restart_refused") else ""
            return [
                f"[fact] {daemon} said that {failed}; nobody starts it again by itself",
                f"do: {first}{restart_command(contract_id, str(agent.get('role')))}",
            ]
        case "restarting":
            due = f", due at {restarts['next_at']}" if restarts.get("next_at") else ""
            return [f"[fact] {daemon} restarts it{f': restart {count}{due}' if restarts else ''}"]
        case "dead" if agent.get("evidence") is None:
            return [f"[fact] {daemon} said that it has ended"]
        case _:
            return []


def quiet_lines(agent: Mapping[str, object]) -> list[str]:
    """Until when the agent, which is there, announced to be silent."""
    until = agent.get("quiet_until")
    announced = agent.get("agent_status") in BEATING and until is not None
    return [f"[fact] it announced to be silent until {until}: no verdict before"] if announced else []


def no_verdict(subject: Mapping[str, object]) -> str:
    """What it means that the log has no verdict on it."""
    is_reported = subject.get("agent_status") in REPORTED
    meaning = "what is known of it was reported" if is_reported else "makima never concluded that it is dead"
    return f"no verdict on it stands in the log: {meaning}"


def restart_command(contract_id: str, role: str) -> str:
    if role == SUPERVISOR:
        return f"makima contracts restart-supervisor {contract_id}"
    return f"makima agent restart --contract {contract_id} --role {role}"


def evidence_lines(evidence: Mapping[str, object]) -> list[str]:
    """The evidence as a chain, each step with whether it is a fact; the durations in seconds."""
    last = evidence.get("last_heartbeat_at")
    heard = (
        f"its last heartbeat reached the broker at {last}"
        if last
        else "no heartbeat of it ever reached makima"
    )
    late = float(cast("float", evidence["lateness_ms"])) / 1000
    place = f"sequence {evidence.get('stream_sequence')} of the heartbeats, epoch {evidence.get('stream_epoch') or '-'}"
    return [
        f"[fact] {heard} ({place})",
        f"[fact] its timeout is {evidence['timeout_seconds']} s: the next one was due by {evidence['deadline']}",
        f"[fact] by then nothing came: makima had read all that arrived up to {evidence['watermark']}, {late:g} s later",
        f"[fact] decided by {evidence['decided_by']}",
    ]
