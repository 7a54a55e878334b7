-- Forgets how far the recorder came.
drop table watermarks;
drop table latest;
drop table heartbeats;
