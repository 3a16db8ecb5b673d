"""The snapshot made from raw tables by Spark, for installations whose ETL the orchestrator runs."""
