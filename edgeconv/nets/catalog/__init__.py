"""Published facts, one file a family: no torch, nothing heavy."""
