-- The daemon of the supervisor heard last has the contract again.
drop table id_secret;
alter table daemons drop column admitted, drop column owner_id;
drop index contracts_of_daemon;
alter table contracts drop column daemon_id;
