"""Files of weights: their sources, their checks, and readers that run nothing in them."""
