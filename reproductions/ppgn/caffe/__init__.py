"""Builds Keras models from any network that is described in Caffe's files."""
