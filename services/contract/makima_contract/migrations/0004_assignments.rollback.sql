-- The supervisor of the daemon that has the contract drives it again.
alter table supervisors add column if not exists drives boolean not null default false;
update supervisors as s set drives = true
from assignments as a
where (a.tenant, a.contract_id) = (s.tenant, s.contract_id) and a.daemon_id = s.daemon_id;
drop table assignments;
drop table admissions;
