"""symgrad beside its peers: `python -m bench` measures, checks, and writes the table of docs/."""
