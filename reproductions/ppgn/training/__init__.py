"""Training of the networks that PPGN samples with: generators, classifiers, priors."""
