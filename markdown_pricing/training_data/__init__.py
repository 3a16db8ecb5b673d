"""What one country sold, made fit to learn from."""
