"""What files do in a task that is not classification, and how near they are to float in it."""
