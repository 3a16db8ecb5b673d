"""What an operator sets, what is made of it, and whether it is sound."""
