"""What two or more of the reproductions need, each file one idea."""
