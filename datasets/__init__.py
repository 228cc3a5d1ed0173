"""The pictures of the suite: programs that make or fetch them."""
