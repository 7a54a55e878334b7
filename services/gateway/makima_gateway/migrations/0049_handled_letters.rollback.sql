-- A repeat of a request about a dead letter gets no first answer any more.
drop table handled_letters;
