-- Since when a sender has told no progress (`progress_ns`), and from when on that counts against it (`judged_ns`), in Unix ns.
-- `progress_of` is the place in the stream of the heartbeat that they were recorded with: a version of before writes none of the
-- three, and then it differs.
alter table latest add column progress_ns bigint, add column judged_ns bigint, add column progress_of bigint;

-- Contracts in which nobody is asked for progress, when the log last told somebody's, and when the contract last ceased to wait.
alter table assignments add column waits boolean not null default false, add column moved_at timestamptz, add column asked_from timestamptz;
