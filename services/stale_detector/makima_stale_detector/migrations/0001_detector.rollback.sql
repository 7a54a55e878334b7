-- Takes the detector's tables away; a new start folds them from the log again.
drop table owed;
drop table holds;
drop table contracts;
drop table senders;
