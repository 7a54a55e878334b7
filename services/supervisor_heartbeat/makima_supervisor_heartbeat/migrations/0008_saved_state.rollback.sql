-- Forgets what was saved for quotas, and restorations that wait for their assignment; a new start folds them again.
drop table restored;
drop index assignments_owner;
drop table saved_state;
