"""Single sign-on at a provider that other people wrote, in a process of its own."""
