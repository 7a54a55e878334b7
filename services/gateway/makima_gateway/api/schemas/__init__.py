"""What HTTP takes and answers, by idea."""
