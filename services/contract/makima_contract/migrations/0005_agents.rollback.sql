-- The version before knows no agents.
drop table agent_connections;
drop table task_returns;
alter table supervisors drop column task_status;
