"""What an export puts into a bundle: the model files, and what the manifest says of them."""
