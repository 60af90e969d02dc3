"""Values moved by constant places, as the slices and concatenations that every engine runs fast."""
