"""A sample lake to try everything on: a made-up market whose truth is known, and real sales of a grocer."""
