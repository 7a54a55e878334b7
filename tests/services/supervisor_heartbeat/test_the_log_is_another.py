"""A restore of the database, or its absence: what the recorder remembers follows the log that there is."""

from makima_kernel.relay.stream_identity import new_epoch
from makima_kernel.testing import eventually

from tests.services.supervisor_heartbeat.harness import Running, supervisor_beat

# The checkpoint first: a projector in the middle of a batch holds it, and would write senders after they were
# deleted.
EMPTIED = """
do $$ declare part regclass; begin
    update event_log.checkpoints set position = 0, owner = null, lease_until = null;
    for part in select inhrelid::regclass from pg_inherits where inhparent = 'event_log.events'::regclass loop
        execute format('alter table %s disable trigger all', part);
        execute format('delete from %s', part);
        execute format('alter table %s enable trigger all', part);
    end loop;
    delete from event_log.streams;
    delete from event_log.commands;
    delete from supervisor_heartbeat.senders;
end $$
"""


async def test_a_sender_that_a_restored_log_does_not_know_is_registered_in_it(fleet: Running) -> None:
    await fleet.beat(supervisor_beat("t1"))
    await fleet.until("supervisor-t1", 1)
    await fleet.recorded()
    await fleet.pool.execute(EMPTIED)
    await new_epoch(fleet.pool, fleet.nats, budget=0.01)
    await fleet.until("supervisor-t1", 1)
    await fleet.until("daemon-d1", 1)
    await eventually(lambda: ready(fleet))


async def test_a_database_that_cuts_its_connections_ends_nothing(fleet: Running) -> None:
    await fleet.beat(supervisor_beat("t1"))
    await fleet.until("supervisor-t1", 1)
    for turn in range(3):
        await fleet.pool.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'makima-%'"
        )
        await fleet.beat(supervisor_beat(f"more-{turn}"))
    for turn in range(3):
        await fleet.until(f"supervisor-more-{turn}", 1)
    await eventually(lambda: ready(fleet))


async def ready(fleet: Running) -> bool:
    return (await fleet.service.health.condition())[0] == 200
