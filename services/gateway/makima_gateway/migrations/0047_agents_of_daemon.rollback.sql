-- Agents of one daemon are found among all.
drop index agents_of_daemon;
