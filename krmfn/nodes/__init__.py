"""Claims and pools become objects: the whole way, `build(items, config) -> Build`."""
