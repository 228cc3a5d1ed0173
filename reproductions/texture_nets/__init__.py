"""Texture Networks (Ulyanov, Lebedev, Vedaldi, Lempitsky, arXiv 1603.03417)."""
