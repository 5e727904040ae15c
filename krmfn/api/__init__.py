"""pydantic models of what users write, one file a kind."""
