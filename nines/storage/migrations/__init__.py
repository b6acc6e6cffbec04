"""The schema's history, one file a step; run by `nines.storage.database.migrate`."""
