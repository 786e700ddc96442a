"""Where the boxes of a diagram stand, and how its edges run."""
