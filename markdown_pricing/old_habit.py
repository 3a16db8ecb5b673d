"""The fixed ladder of the pricing department's old habit, which a plan has to beat."""

HABIT = ((0.6, 30), (0.8, 50))
"""From which share of the season on which discount off the list price applies, in percent."""
CUT_PCT = HABIT[0][1]
"""The cut of today's price for which people are told the price response: the first that the old habit takes."""
IN_SHORT = f"{HABIT[0][1]} % off, later {HABIT[1][1]} %"
"""The habit in a few words."""
