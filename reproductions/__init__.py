"""Five papers on image synthesis, one package each."""
