"""Evidence of a sender's silence, and the states of a supervisor before it and after it."""

from datetime import UTC, datetime, timedelta

from makima_schemas.evidence import Evidence
from makima_schemas.supervisor import SupervisorState

NOW = datetime.now(UTC)
EVIDENCE = Evidence(NOW, 120.0, NOW + timedelta(seconds=120), NOW + timedelta(seconds=121), 1000.0, "test", 7)
WORKING, INTERRUPTED = SupervisorState.WORKING, SupervisorState.INTERRUPTED
