"""Wire formats, as pure functions and stream machines; nothing here does I/O."""
