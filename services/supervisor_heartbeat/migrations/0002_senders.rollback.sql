drop table daemons;
drop table supervisors;
