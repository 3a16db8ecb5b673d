"""Demand models in other frameworks, and weeks that are played, written against the contract alone."""
