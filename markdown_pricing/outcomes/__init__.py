"""The ledger: what became of the advice of the weeks that were sold, and what it cost not to follow it."""
