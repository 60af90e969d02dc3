"""Recipes: which steps make an int8 form, in which order, and which of them are kept."""
