"""Spark makes the snapshot from raw tables, for installations whose ETL the orchestrator runs."""
