"""A comparison that allows a claim: cells of country × category that are held on the old habit for a season."""
