-- Repeats of old batches are new batches again.
drop table batch_items, batches;
