"""Tell the right people, once."""
