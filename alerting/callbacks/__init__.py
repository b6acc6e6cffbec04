"""What vendors and people send back about a notification, and whether it is to be believed."""
