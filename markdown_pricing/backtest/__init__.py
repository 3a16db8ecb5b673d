"""The proof of what prices earn: simulated seasons under any policy, and past weeks forecast as they were."""
