-- The dashboard's counts go; the log can make them again.
drop index supervisors_of_daemon, contracts_stale;
drop table tallies;
