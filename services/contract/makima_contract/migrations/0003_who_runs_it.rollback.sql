-- Nobody asks any more whose a supervisor is.
alter table supervisors drop column daemon_id, drop column drives;
