"""Which operators stay in float where int8 would cost more accuracy than is allowed."""
