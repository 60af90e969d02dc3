"""Many runs of the command line, each kept by all that it depends on, none done twice."""
