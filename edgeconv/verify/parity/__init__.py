"""Every file against the float reference: end to end, and operator by operator."""
