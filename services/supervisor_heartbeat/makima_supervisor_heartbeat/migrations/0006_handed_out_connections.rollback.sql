alter table assignments drop column connection_id, drop column task_id;
