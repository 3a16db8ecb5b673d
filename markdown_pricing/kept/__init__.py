"""Each asset's result on the lake with its provenance, so that a retry goes on where the run stopped."""
