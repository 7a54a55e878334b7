-- The read model shows no agents again.
alter table supervisors drop column restart_requested;
drop table agents;
