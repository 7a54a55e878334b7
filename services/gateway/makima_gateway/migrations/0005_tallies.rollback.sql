-- The dashboard's counts go; the log can make them again.
drop index contracts_stale;
drop table tallies;
