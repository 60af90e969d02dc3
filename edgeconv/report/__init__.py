"""How results leave edgeconv: tables and JSON on stdout, progress on stderr, JUnit files.

Nothing here knows what the figures mean, and nothing imports torch or an engine.
"""
