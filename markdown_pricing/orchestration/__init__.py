"""The weekly round on Dagster: its assets and checks, what starts them, and what becomes of their runs."""
