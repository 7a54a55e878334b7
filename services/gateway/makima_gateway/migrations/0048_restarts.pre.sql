-- The newest restart of an agent after a crash, as its daemon told it; null: it told of none.
alter table agents add column restarts json;
