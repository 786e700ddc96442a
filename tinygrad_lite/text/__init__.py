"""Reports as tables, and the words that messages and pictures share."""
