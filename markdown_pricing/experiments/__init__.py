"""A demand model has to win before production uses it: trials are kept, and production reads the champion."""
