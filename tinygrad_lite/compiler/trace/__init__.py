"""From a call to a traced graph: arguments, placeholders, and what a program depends on."""
