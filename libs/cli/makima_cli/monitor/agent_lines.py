"""What is known of the agent under the cursor: what it does, how its heartbeats came, or why it is dead."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from makima_sdk.agents import AgentRecord, Beats

from makima_cli.evidence import status_lines
from makima_cli.monitor import rows
from makima_cli.monitor.beats import SHOWN
from makima_cli.monitor.cells import Line, Piece, between, fit, wrapped
from makima_cli.monitor.model import Pane
from makima_cli.monitor.state import MonitorState


def agent_lines(state: MonitorState, width: int, now: datetime) -> list[Line]:
    """Three; none if the cursor is on no agent."""
    contract_id, _, role = state.selected[Pane.AGENTS].partition("\n")
    each = state.agents.get((contract_id, role))
    if each is None:
        return []
    who = f"{role} of {state.name(contract_id)}"
    where = f"{each.daemon_id or '–'}   connection {(each.connection_id or '–')[:8]}"
    heard = ", ".join(
        filter(None, [f"since {each.since:%H:%M:%S}" if each.since else "", _heard(each.beats)])
    )
    does = [between(each.activity or rows.agent_label(each), heard, width)]
    stuck = f" beats, but nothing has moved for {rows.since(each.progress_at, now)}: stuck"
    texts = _dead(each, width)
    lines = [(Piece(fit(text, width)),) for text in texts] if texts else does
    lines += [(Piece(fit(stuck if each.stuck else "", width)),)] if len(lines) == 1 else []
    return [between(who, where, width), *lines]


def _heard(beats: Beats | None) -> str:
    """How many of the heartbeats in sight came, since it joined."""
    slots = "" if beats is None else beats.slots[-SHOWN:].replace("-", "")
    return f"{sum(slot in '1l|' for slot in slots)} of the last {len(slots)} heartbeats came" if slots else ""


def _dead(each: AgentRecord, width: int) -> list[str]:
    """Why it is, of one that is dead or restarted; what helps is among the keys."""
    reported = status_lines({**asdict(each), "agent_status": each.status_now})
    if reported or not each.evidence or each.status_now not in rows.DEAD_STATUSES:
        return [f" {line}" for line in wrapped(reported[0], width - 2)[:2]] if reported else []
    return _evidence(each.evidence)


def _evidence(evidence: Mapping[str, object]) -> list[str]:
    last = _clock(evidence["last_heartbeat_at"]) if evidence.get("last_heartbeat_at") else "none"
    late = float(str(evidence.get("lateness_ms") or 0)) / 1000
    timeout = float(str(evidence.get("timeout_seconds") or 0))
    due = f"the next one was due by {_clock(evidence.get('deadline'))}"
    return [
        f" last heartbeat {last}, timeout {timeout:g} s: {due}",
        f" all read up to {_clock(evidence.get('watermark'))}, {late:g} s late; decided by {evidence.get('decided_by')}",
    ]


def _clock(moment: object) -> str:
    return str(moment)[11:19]
