"""Sell the whole stock at the highest price: rules, ladder, season, price path, recommendation."""
