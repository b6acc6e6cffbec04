"""Decide: counts, windows, budgets, burn rates, tiers. Arithmetic only; it knows nobody."""
