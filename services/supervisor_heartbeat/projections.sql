-- name: touched_supervisors
-- The supervisors that a batch folds further.
select tenant, task_id, contract_id, daemon_id, connection_id, state, phase, superseded, heard_epoch, heard_sequence, heard_at, evidence
from supervisors where (tenant, task_id) in (select * from unnest($1::text[], $2::text[]))

-- name: store_supervisors
-- Every supervisor of a batch, once.
insert into supervisors (tenant, task_id, contract_id, daemon_id, connection_id, state, phase, superseded, heard_epoch, heard_sequence, heard_at, evidence)
select tenant, task_id, contract_id, daemon_id, connection_id, state, phase,
       array(select json_array_elements_text(superseded)), heard_epoch, heard_sequence, heard_at, evidence
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::json[],
            $9::text[], $10::bigint[], $11::timestamptz[], $12::json[])
  as given (tenant, task_id, contract_id, daemon_id, connection_id, state, phase, superseded, heard_epoch, heard_sequence, heard_at, evidence)
on conflict (tenant, task_id) do update set
  contract_id = excluded.contract_id, daemon_id = excluded.daemon_id, connection_id = excluded.connection_id, state = excluded.state,
  phase = excluded.phase, superseded = excluded.superseded, heard_epoch = excluded.heard_epoch, heard_sequence = excluded.heard_sequence,
  heard_at = excluded.heard_at, evidence = excluded.evidence

-- name: touched_daemons
-- The daemons that a batch folds further.
select tenant, daemon_id, hostname, connected, heard_epoch, heard_sequence, heard_at, evidence
from daemons where (tenant, daemon_id) in (select * from unnest($1::text[], $2::text[]))

-- name: store_daemons
-- Every daemon of a batch, once.
insert into daemons (tenant, daemon_id, hostname, connected, heard_epoch, heard_sequence, heard_at, evidence)
select * from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::bigint[], $7::timestamptz[], $8::json[])
on conflict (tenant, daemon_id) do update set
  hostname = excluded.hostname, connected = excluded.connected, heard_epoch = excluded.heard_epoch,
  heard_sequence = excluded.heard_sequence, heard_at = excluded.heard_at, evidence = excluded.evidence
