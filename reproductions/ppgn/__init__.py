"""Plug & Play Generative Networks (Nguyen et al., arXiv 1612.00005)."""
