#!/bin/sh
# Recipe 4; recipes.py says what it does. Results go to output/ in the folder you are in.
exec "${PYTHON:-$(command -v python || command -v python3)}" "$(dirname "$0")/recipes.py" 4 "$@"
