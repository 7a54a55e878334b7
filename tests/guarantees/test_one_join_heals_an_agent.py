"""Guarantee 5, of agents (R9): joins, leaves, beats of every connection, verdicts, restarts, claims, completions and
clean-ups in any order, against the real services. Never are two connections in force, no task is lost or done twice or
held for ever, and from any state one join makes the agent healthy.
"""

import asyncio

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as examples
from hypothesis.stateful import run_state_machine_as_test
from makima_contract import app as contract
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_supervisor_heartbeat import app as heartbeats
from nats.aio.client import Client

from tests.chaos import times
from tests.guarantees.agent_in_any_order import EVERYTHING, AnyOrder
from tests.guarantees.agent_services import READ_EVERYTHING, Services, serve_restarts


@pytest.mark.timeout(300)
async def test_whatever_happened_to_an_agent_one_join_makes_it_healthy_and_no_task_suffers(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    await provision(nats, Log(pool), budget=0.01)
    await pool.execute(READ_EVERYTHING)
    async with (
        Service.running(contract.NAME, settings, contract.build),
        Service.running(heartbeats.NAME, settings, heartbeats.build) as service,
    ):
        await serve_restarts(nats, Log(pool))
        AnyOrder.services = Services(service.bus, Log(pool), pool, nats, asyncio.get_running_loop())
        chosen = examples(
            max_examples=times(300, 12),
            stateful_step_count=times(60, 40),
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[
                HealthCheck.too_slow,
                HealthCheck.data_too_large,
                HealthCheck.filter_too_much,
            ],
            derandomize=not times(1, 0),
        )
        await asyncio.to_thread(run_state_machine_as_test, AnyOrder, settings=chosen)
        assert {name for name, times in AnyOrder.services.changed.items() if times} >= EVERYTHING
