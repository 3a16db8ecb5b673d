"""Where the pricing department reads and decides: tables, replaced country by country."""
