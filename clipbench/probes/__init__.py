"""Classifiers that are fitted to a few labelled images: which are drawn, how they are fitted."""
