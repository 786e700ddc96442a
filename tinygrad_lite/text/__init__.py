"""Reports of text and tables, and the wording that messages and pictures share."""
