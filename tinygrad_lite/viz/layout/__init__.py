"""Places the boxes of a diagram and routes its edges."""
