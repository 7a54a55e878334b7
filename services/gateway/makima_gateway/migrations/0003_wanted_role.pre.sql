-- A claim shows who has the task; released, it waits again for the role that it was made for. Rows from before know that role only while
-- they are pending; `makima ledger rebuild gateway` takes the others from the log.
alter table tasks add column wanted_role text;
update tasks set wanted_role = role where status = 'pending';
