drop table watermarks;
drop table latest;
drop table heartbeats;
