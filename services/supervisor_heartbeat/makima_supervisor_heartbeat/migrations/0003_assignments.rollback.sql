-- Takes the table away; a new start folds it from the log again.
drop table assignments;
