-- Finds whether a supervisor of a contract lives, whatever else lives there.
create index senders_live_supervisors on senders (contract_id, name) where alive and name like 'supervisor:%';
