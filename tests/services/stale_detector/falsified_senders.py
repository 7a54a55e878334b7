"""How an agent and a daemon are falsified, where, and how it is put right."""

# Of an agent and of a daemon: what is falsified, in which source, and about what it is told.
FALSIFIED = (
    ("agent:c0:builder", "memory", "connection"),
    ("agent:c0:builder", "memory", "the sender"),
    ("agent:c0:builder", "read_model", "status"),
    ("agent:c0:builder", "recorder", "connection"),
    ("daemon:d1", "memory", "the sender"),
    ("daemon:d1", "read_model", "alive"),
    ("daemon:d1", "recorder", "alive"),
)
_ROW = "update supervisor_heartbeat.senders set told = jsonb_set(told::jsonb, '{%s}', '%s')::json where stream = '%s'"
ROWS = {  # of the same: what falsifies the row, and what puts it right
    ("agent:c0:builder", "read_model"): (
        "update stale_detector.senders set status = 'working' where name = 'agent:c0:builder'",
        "update stale_detector.senders set status = 'ready' where name = 'agent:c0:builder'",
    ),
    ("agent:c0:builder", "recorder"): (
        _ROW % ("connection_id", '"y"', "agent-c0:builder"),
        _ROW % ("connection_id", '"x"', "agent-c0:builder"),
    ),
    ("daemon:d1", "read_model"): (
        "update stale_detector.senders set alive = false where name = 'daemon:d1'",
        "update stale_detector.senders set alive = true where name = 'daemon:d1'",
    ),
    ("daemon:d1", "recorder"): (
        _ROW % ("connected", "false", "daemon-d1"),
        _ROW % ("connected", "true", "daemon-d1"),
    ),
}
