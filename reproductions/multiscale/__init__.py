"""Snelgrove, "High-resolution multi-scale neural texture synthesis" (SIGGRAPH Asia 2017)."""
