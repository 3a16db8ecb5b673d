"""A sample lake to try everything on, from a made-up market whose truth is known or from a grocer's real sales."""
