"""Projects around a bundle's file: a small app's worth of code, ready to run.

Generated code holds numbers and edgeconv's own words alone. What comes from a net or its users,
such as names and labels, stays data in files beside it: no language needs it escaped.
"""
