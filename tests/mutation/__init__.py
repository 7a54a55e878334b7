"""Changes the rules, one small change at a time, and sees whether a pure test notices (docs/mutation.md)."""
