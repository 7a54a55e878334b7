-- The projection reads `senders_contract` again.
drop index senders_live_supervisors;
