"""Demand models in other frameworks, written against the contract alone; see docs/models.md."""
