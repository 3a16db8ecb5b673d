"""Print what the package needs, with the extras that are named: a line for each requirement of pyproject.toml.

So the image's largest layer is made from this file's output and from constraints.txt alone, and a release of the
package, which changes neither, leaves it as it is.

python requirements.py EXTRA ...
"""

import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
for requirement in sum((project["optional-dependencies"][extra] for extra in sys.argv[1:]), project["dependencies"]):
    print(requirement)
