"""Units per week at each price."""
