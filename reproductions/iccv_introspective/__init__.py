"""Introspective generative modeling of textures (Lazarow, Jin, Tu, arXiv 1704.07820)."""
