"""Models with real data. Each folder has a model.py and a run.py: python -m examples.NAME.run."""
