-- The list of a phase in which few contracts are: without it, all of them are read to find those.
create index contracts_newest_of_phase on contracts (tenant, phase, created_position desc);
