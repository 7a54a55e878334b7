"""What the log's cache keeps of supervisors and daemons comes back as it was."""

from hypothesis import given
from makima_kernel.commands.snapshot_cache import decode_state, encode_state
from makima_supervisor_heartbeat.domain.daemon import Daemon
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor

from tests.services.supervisor_heartbeat.state_strategies import stored_daemons, stored_supervisors


@given(stored_supervisors(), stored_daemons())
def test_any_stored_state_comes_back_from_a_snapshot_as_it_was(known: Supervisor, daemon: Daemon) -> None:
    assert decode_state(Supervisor, encode_state(known)) == known
    assert decode_state(Daemon, encode_state(daemon)) == daemon
