"""Demand models in other frameworks, written against the contract alone, and weeks that are played on one machine."""
