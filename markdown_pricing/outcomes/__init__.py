"""The ledger: what became of the recommendations of the weeks that were sold, and what it cost not to follow it."""
