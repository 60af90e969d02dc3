"""The bundle: the directory with a net's files and all that an app or a test needs beside them."""
