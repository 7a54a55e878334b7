-- Takes the detector's tables away; a new start folds them from the log again.
drop table todo;
drop table daemons;
drop table contracts;
