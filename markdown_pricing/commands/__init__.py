"""What each command of `markdown-pricing` does; `__main__` has their options."""
