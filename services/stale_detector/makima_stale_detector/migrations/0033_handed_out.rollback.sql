-- One that was never seen is a newer one again.
alter table senders drop column handed_out;
