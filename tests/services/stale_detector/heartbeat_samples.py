"""One valid heartbeat of each kind of sender, as JSON."""

SUPERVISOR = b'{"task_id":"t1","contract_id":"c1","state":"working","phase":"plan","timestamp":"2026-01-01T00:00:00Z","connection_id":"x"}'
AGENT = (
    b'{"contract_id":"c1","role":"builder","connection_id":"x","seq":1,"timestamp":"2026-01-01T00:00:00Z"}'
)
DAEMON = b'{"daemon_id":"d1","hostname":"h","seq":1,"timestamp":"2026-01-01T00:00:00Z"}'
