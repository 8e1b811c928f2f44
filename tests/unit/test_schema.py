#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON Schema and the parser agree.

The keys that topologies/experiment.schema.json has, which of them are required, and
its lists of words are those of the parser's tables ("test_experiment --fields").
Every good file passes the schema; every bad one fails it, but for those that
say on their second line that only the parser can see what is wrong.

Usage: test_schema.py [BUILD DIRECTORY]
"""
import glob
import json
import math
import os
import re
import subprocess
import sys

SKIP = 77

try:
    import jsonschema
    import yaml
except ImportError as error:
    print(f"skipped: {error} (Debian packages python3-jsonschema, python3-yaml)")
    sys.exit(SKIP)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = os.path.join(ROOT, "topologies/experiment.schema.json")


class Loader(yaml.SafeLoader):
    """YAML 1.2's core types only, and no key twice."""

    yaml_implicit_resolvers = {}

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, "a key is no text")
        if len(set(keys)) != len(keys):
            raise yaml.constructor.ConstructorError(None, None, "a key stands twice")
        return {k: self.construct_object(v, deep=True) for k, (_, v) in zip(keys, node.value)}


def from_map(loader, node):
    return loader.construct_mapping(node, deep=True)


def from_float(loader, node):
    value = float(node.value.replace(".nan", "nan").replace(".inf", "inf"))
    if not math.isfinite(value):
        raise yaml.constructor.ConstructorError(None, None, "not a number that JSON has")
    return value


def from_int(loader, node):
    return int(node.value)


for tag, pattern, first in (
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan)$",
     "-+.0123456789"),
    ("bool", r"^(true|false)$", "tf"),
    ("null", r"^(null|~|)$", ["n", "~", ""]),
):
    Loader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), list(first))
Loader.add_constructor("tag:yaml.org,2002:map", from_map)
Loader.add_constructor("tag:yaml.org,2002:float", from_float)
Loader.add_constructor("tag:yaml.org,2002:int", from_int)

failures = []


def check(ok, text):
    if not ok:
        failures.append(text)
        print("FAILED: " + text)


def parser_tables(build):
    program = os.path.join(build, "tests/unit/test_experiment")
    if not os.access(program, os.X_OK):
        print(f"skipped: {program} has not been built")
        sys.exit(SKIP)
    out = subprocess.run([program, "--fields"], check=True, capture_output=True, text=True).stdout
    keys, words = {}, {}
    for line in out.splitlines():
        kind, table, key, *rest = line.split(" ")
        if kind == "key":
            keys.setdefault(table, {})[key] = rest[0] == "required"
        else:
            words[table, key] = rest
    return keys, words


def check_tables(schema, build):
    keys, words = parser_tables(build)
    maps = {name: d for name, d in schema["$defs"].items() if "properties" in d}
    maps["/"] = schema
    check(set(maps) == set(keys), f"maps: schema {sorted(maps)}, parser {sorted(keys)}")
    for name in set(maps) & set(keys):
        have, want = maps[name]["properties"], keys[name]
        check(set(have) == set(want), f"{name}: schema {sorted(have)}, parser {sorted(want)}")
        required = {key for key, needed in want.items() if needed}
        check(set(maps[name].get("required", [])) == required,
              f"{name}: required in the parser: {sorted(required)}")
        check(maps[name].get("additionalProperties") is False, f"{name} takes any key")
        check("description" in maps[name], f"{name} has no description")
    for (name, key), want in words.items():
        have = maps[name]["properties"][key].get("enum")
        check(have == want, f"{name}.{key}: schema {have}, parser {want}")


def problems(validator, path):
    """What the schema, or YAML itself, has against a file; empty: nothing."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        # JSON is YAML, but PyYAML does not know that tabs may separate in it.
        data = json.loads(text) if text.startswith("{") else yaml.load(text, Loader)
        return [e.message[:200] for e in validator.iter_errors(data)]
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError) as error:
        return [str(error)[:200]]


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("BUILD", os.path.join(ROOT, "build"))
    with open(SCHEMA, encoding="utf-8") as file:
        schema = json.load(file)
    validator_class = jsonschema.validators.validator_for(schema)
    validator_class.check_schema(schema)
    validator = validator_class(schema)
    check_tables(schema, build)

    good = sorted(glob.glob(ROOT + "/tests/data/good/*.yaml") + glob.glob(ROOT + "/topologies/*.yaml"))
    bad = sorted(glob.glob(ROOT + "/tests/data/bad/*.yaml"))
    check(len(good) >= 8 and len(bad) >= 30, "the files are missing")
    for path in good:
        check(not problems(validator, path), f"{path}: {problems(validator, path)}")
    profiles = sorted(glob.glob(ROOT + "/topologies/profiles/*.yaml"))
    check(len(profiles) >= 2, "the profiles are missing")
    of_profile = validator_class({"$ref": "#/$defs/profile", "$defs": schema["$defs"]})
    for path in profiles:
        check(not problems(of_profile, path), f"{path}: {problems(of_profile, path)}")
    seen = 0
    for path in bad:
        with open(path, "rb") as file:
            accepts = file.read().split(b"\n")[1] == b"# schema: accepts it"
        found = problems(validator, path)
        check(bool(found) != accepts, f"{path}: expected {'nothing' if accepts else 'an error'}, found {found}")
        seen += not accepts
    print(f"{len(good)} good files, {len(bad)} bad ones ({seen} seen by the schema), {len(failures)} failures")
    return 1 if failures else 0


sys.exit(main())
