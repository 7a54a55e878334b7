-- The questions that wait for an answer: without it, every question of a contract that waits is read to find those.
create index questions_open on questions (tenant, contract_id) where status = 'open';
