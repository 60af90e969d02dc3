"""The command line: one thin module a verb; whatever is heavy is imported inside its function."""
