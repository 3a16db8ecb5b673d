"""What people decide about recommended prices: read, checked and judged, with no I/O."""
