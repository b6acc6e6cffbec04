"""Who may do what: the decision, the table of routes, and who is asking."""
