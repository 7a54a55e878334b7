drop table senders;
