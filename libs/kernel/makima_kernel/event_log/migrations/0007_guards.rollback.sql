-- The function with one guard per command is still there, for the version before.
drop function event_log.append(text[], text[], uuid[], bytea[], bigint[], int[], text[], bigint[], json[], int[], uuid[], text[], smallint[], json[]);
