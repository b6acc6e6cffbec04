"""The API's own description, in OpenAPI 3.1: what FastAPI knows of it, made whole."""
