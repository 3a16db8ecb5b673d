"""Where the pricing department reads and decides: three tables, replaced country by country."""
