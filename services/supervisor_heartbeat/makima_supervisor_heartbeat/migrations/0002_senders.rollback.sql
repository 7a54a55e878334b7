-- Forgets what the log says of each sender; the projection folds it again.
drop table senders;
