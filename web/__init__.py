"""HTTP: pages, API, live stream, exporter. Knows FastAPI; nobody else does."""
