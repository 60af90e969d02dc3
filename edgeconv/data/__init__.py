"""Photos on their way into a net: preprocessing, image files, labelled folders, built-in photos."""
