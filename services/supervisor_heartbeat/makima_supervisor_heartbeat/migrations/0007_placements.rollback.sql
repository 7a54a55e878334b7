-- Forgets which contracts are wanted; a new start folds them again.
drop table placements;
drop index senders_daemons;
drop table drives;
