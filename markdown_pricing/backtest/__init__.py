"""The proof: simulated seasons priced by any policy, real past weeks forecast as they were, and what came of it."""
