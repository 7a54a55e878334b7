-- A new contract asks for the supervisors that spoke of it before it was there; a deleted one forgets its own.
create index supervisors_of_contract on supervisors (tenant, contract_id);
