drop table handled_letters;
