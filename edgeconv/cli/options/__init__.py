"""The options of the verbs, each declared once: shared ones by name, the others by their group."""
