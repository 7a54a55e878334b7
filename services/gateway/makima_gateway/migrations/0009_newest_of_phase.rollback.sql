-- A rare phase is looked for in all contracts again.
drop index contracts_newest_of_phase;
