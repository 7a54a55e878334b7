-- The contracts that wait for a person for longest, without a look at all that wait.
create index contracts_waiting_longest on contracts (tenant, status_changed_at, created_position) where status = 'waiting_for_input';
