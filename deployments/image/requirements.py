"""Prints what pyproject.toml requires, for the core or for one extra: `python requirements.py FILE [EXTRA]`.

So that an image can install dependencies in a layer of their own, before the code is there.
"""

import sys
import tomllib

with open(sys.argv[1], "rb") as stream:
    project = tomllib.load(stream)["project"]
print("\n".join(project["optional-dependencies"][sys.argv[2]] if len(sys.argv) > 2 else project["dependencies"]))
