"""Device profiles: their fields, their files, the ones that come along."""
