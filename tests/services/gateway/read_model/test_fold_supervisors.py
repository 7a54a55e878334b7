"""What the read model folds of supervisors: who drives a contract, and whether it lives."""

from datetime import datetime, timedelta

from makima_gateway.read_model.fold import fold
from makima_gateway.read_model.rows import Rows
from makima_schemas.evidence import Evidence
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged

from tests.services.contract.contract_states import opened
from tests.services.gateway.read_model.folded import KEY, folded
from tests.services.gateway.read_model.random_logs import BEGIN, recorded


def test_a_verdict_on_a_replaced_supervisor_says_nothing_of_its_successor() -> None:
    rows = folded(opened())
    for position, (task, event) in enumerate(
        (("t1", heard("k1")), ("t2", heard("k2")), ("t1", silent("k1", BEGIN))), 2
    ):
        fold(rows, recorded(event, position, stream=f"supervisor-{task}"), event)
    row = rows.contracts[KEY]
    assert (row.supervisor_task_id, row.supervisor_alive) == ("t2", True)
    assert not rows.supervisors[("default", "t1")].alive
    fold(rows, recorded(silent("k2", BEGIN), 5, stream="supervisor-t2"), silent("k2", BEGIN))
    assert (row.supervisor_task_id, row.supervisor_alive) == ("t2", False)


def test_a_supervisor_that_spoke_before_its_contract_was_there_drives_it() -> None:
    rows = Rows()
    for position, (stream, event) in enumerate(
        (
            ("supervisor-t1", heard("k1")),
            ("supervisor-t2", heard("k2")),
            ("supervisor-t1", silent("k1", BEGIN)),
            ("contract-c1", opened()),
        ),
        1,
    ):
        fold(rows, recorded(event, position, stream=stream), event)
    row = rows.contracts[KEY]
    assert (row.supervisor_task_id, row.supervisor_alive) == ("t2", True)


def test_a_verdict_is_no_activity_only_the_heartbeat_before_it_was() -> None:
    rows = folded(opened())
    fold(rows, recorded(heard("k1"), 2, stream="supervisor-t1"), heard("k1"))
    row = rows.contracts[KEY]
    registered = row.last_activity_at
    fold(rows, recorded(silent("k1", None), 3, stream="supervisor-t1"), silent("k1", None))
    assert row.last_activity_at == registered
    later = registered + timedelta(seconds=7)
    fold(rows, recorded(silent("k1", later), 100, stream="supervisor-t1"), silent("k1", later))
    assert row.last_activity_at == later


def heard(connection: str) -> SupervisorRegistered:
    return SupervisorRegistered("c1", "d1", connection, SupervisorState.WORKING, "plan")


def silent(connection: str, last_heartbeat: datetime | None) -> SupervisorStateChanged:
    evidence = Evidence(last_heartbeat, 120.0, BEGIN, BEGIN, 1000.0, "test")
    return SupervisorStateChanged(
        "c1",
        "d1",
        connection,
        SupervisorState.WORKING,
        SupervisorState.INTERRUPTED,
        "plan",
        "heartbeat_expired",
        evidence,
    )
