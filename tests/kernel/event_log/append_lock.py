"""The advisory lock of an append, taken and given back by a test."""

LOCK = "select pg_advisory_lock(hashtext('event_log.append'))"
UNLOCK = "select pg_advisory_unlock(hashtext('event_log.append'))"
BLOCKED = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
