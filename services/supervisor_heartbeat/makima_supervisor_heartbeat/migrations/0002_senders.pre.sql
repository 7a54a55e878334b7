-- What the log says of each supervisor and daemon, by the name of its stream; a projection, read whole when a recorder starts.
create table senders (
    tenant text not null,
    stream text not null,
    told json not null,
    primary key (tenant, stream)
) with (fillfactor = 80);
