"""Before a change earns money it has to win: trials kept side by side, and the champion that production reads."""
