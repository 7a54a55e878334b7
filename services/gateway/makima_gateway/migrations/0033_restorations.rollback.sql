-- Restorations that are under way are not shown any more.
alter table contracts
  drop column restoring_task_id, drop column restoring_daemon_id, drop column restoring_connection_id;
