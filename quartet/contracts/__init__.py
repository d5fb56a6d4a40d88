"""Everything that crosses a process, as frozen pydantic models; behaviour lives elsewhere."""
