"""Pictures for Dagster's page and for commands."""
