-- Who is stuck: the event that says so, when it was recorded, and what the sender said that it did. Null: it is not stuck.
-- The projection's fold number went up with it: the rebuild fills both.
alter table supervisors add column progress_at timestamptz, add column stuck_proof json;
alter table agents add column stuck_proof json;
