"""Prints what botocore makes of files: one JSON line for each line `KIND PATH` on stdin."""

import configparser
import json
import sys

from botocore.configloader import load_config, raw_config_parse


def describe(kind, path):
    try:
        loaded = load_config(path) if kind == "config" else {"profiles": raw_config_parse(path)}
    except Exception as error:
        return {"error": type(error).__name__}
    parser = configparser.RawConfigParser()
    parser.read([path])
    # Without the keys of [DEFAULT], which the parser otherwise shows in every section.
    sections = [[name, list(keys.items())] for name, keys in parser._sections.items()]
    return {"sections": sections, "loaded": loaded}


for line in sys.stdin:
    kind, path = line.rstrip("\n").split(" ", 1)
    print(json.dumps(describe(kind, path)))
