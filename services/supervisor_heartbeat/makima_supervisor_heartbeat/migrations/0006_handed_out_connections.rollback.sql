-- Forgets which connections were handed out; the first one heard is in force again.
alter table assignments drop column connection_id, drop column task_id;
