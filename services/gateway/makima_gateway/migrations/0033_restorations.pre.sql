-- A restoration of a contract's supervisor that is not proved: of which supervisor, and what was handed out to whom.
alter table contracts
  add column restoring_task_id text, add column restoring_daemon_id text, add column restoring_connection_id text;
