"""From a net to a bundle: capture, writers, bundle."""
