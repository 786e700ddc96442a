"""Programs, which are lists of scalar operations, and the passes that rewrite and group them."""
