"""A coding agent that waits for a person is quiet, and one whose tools fail lives without progress: its heartbeats."""

import asyncio
import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from makima_daemon import held_agents
from makima_kernel.testing import PATIENCE
from makima_schemas import subjects
from nats.aio.subscription import Subscription

from tests.daemon.hook_calls import hook
from tests.daemon.machine import Machine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon agents")]


@dataclass
class Beats:
    """The heartbeats of the agent."""

    heard: Subscription

    @classmethod
    async def of(cls, machine: Machine, contract: str) -> "Beats":
        subject = subjects.agent_heartbeat(machine.daemon_id, contract, "builder")
        return cls(await machine.nats.subscribe(subject))

    async def following(self) -> dict[str, object]:
        return json.loads((await self.heard.next_msg(PATIENCE)).data)

    async def that_tells(self, activity: str) -> dict[str, object]:
        """The first one that tells this."""
        async with asyncio.timeout(PATIENCE):
            while True:
                told = await self.following()
                if told.get("activity") == activity:
                    return told

    async def after(self, moment: datetime) -> dict[str, object]:
        """The second one that was sent after it: the first may have been under way."""
        while datetime.fromisoformat(str((await self.following())["timestamp"])) < moment:
            pass
        return await self.following()


async def test_a_session_that_waits_for_a_person_is_quiet_until_its_next_event_and_its_process_is_told_of(
    machine: Machine,
) -> None:
    contract = await machine.contract()
    beats = await Beats.of(machine, contract)

    def quiet_seconds(told: dict[str, object]) -> float:
        until, sent = (datetime.fromisoformat(str(told[name])) for name in ("quiet_until", "timestamp"))
        return (until - sent).total_seconds()

    coding_agent = subprocess.Popen(["sleep", "300"])  # noqa: ASYNC220 - as above
    asks = {"hook_event_name": "PermissionRequest", "tool_name": "Bash"}
    async with machine.daemon():
        await hook(machine, contract, hook_event_name="SessionStart", pids=[coding_agent.pid])
        started = await beats.that_tells("session started")
        assert "quiet_until" not in started
        child = started["child"]
        assert isinstance(child, dict)
        assert (child["pid"], child["command"]) == (coding_agent.pid, "sleep")
        await hook(machine, contract, **asks)
        waits = await beats.that_tells("waiting for a person: may it use Bash")
        assert 0 < quiet_seconds(waits) <= held_agents.QUIET_SECONDS
        await hook(machine, contract, hook_event_name="PostToolUse", tool_name="Bash")
        assert "quiet_until" not in await beats.that_tells("Bash — done")
        await hook(machine, contract, hook_event_name="SessionEnd")
    coding_agent.kill()
    coding_agent.wait()


async def test_a_tool_that_fails_is_a_sign_of_life_and_no_progress(machine: Machine) -> None:
    contract = await machine.contract()
    beats = await Beats.of(machine, contract)
    fails = {"hook_event_name": "PostToolUseFailure", "tool_name": "Bash"}
    async with machine.daemon():
        await hook(machine, contract, **fails)
        await machine.until(contract, "builder", "ready")
        await hook(machine, contract, hook_event_name="PreToolUse", tool_name="Bash")
        await beats.that_tells("Bash")
        await hook(machine, contract, **fails)
        assert (await beats.after(datetime.now(UTC)))["activity"] == "Bash"
        await hook(machine, contract, hook_event_name="PermissionRequest", tool_name="Bash")
        assert "quiet_until" in await beats.that_tells("waiting for a person: may it use Bash")
        await hook(machine, contract, **fails)
        assert "quiet_until" not in await beats.that_tells("Bash — failed")
        await hook(machine, contract, hook_event_name="SessionEnd")


async def test_who_waits_for_a_person_for_long_announces_it_again_and_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_agents, "GONE_POLL_SECONDS", 0.05)
    monkeypatch.setattr(held_agents, "QUIET_SECONDS", 2.0)
    contract = await machine.contract()
    beats = await Beats.of(machine, contract)
    until: set[object] = set()
    async with machine.daemon():
        await hook(machine, contract, hook_event_name="PermissionRequest", tool_name="Bash")
        async with asyncio.timeout(PATIENCE):
            while len(until) < 3:  # from one event
                until |= {(await beats.following()).get("quiet_until")} - {None}
