"""The weekly round on Dagster: the only folder that knows the orchestrator."""
