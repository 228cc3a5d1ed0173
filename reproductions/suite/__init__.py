"""What concerns all five papers: `python -m reproductions` and its commands."""
