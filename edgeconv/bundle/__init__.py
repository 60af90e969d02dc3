"""Bundles as they are read: a net's files and all that an app or a test needs beside them."""
