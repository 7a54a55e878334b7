-- Takes the tables away; a new start folds them from the log again.
drop table role_agents;
drop table role_tasks;
