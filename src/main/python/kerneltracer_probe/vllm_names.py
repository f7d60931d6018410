"""What the adapters touch of vLLM, by vllm_names.json: they reach for its classes' members and its
variables through here alone, so that what is checked against vLLM's versions is all that is used."""

import dataclasses
import json
import os

with open(os.path.join(os.path.dirname(__file__), "vllm_names.json"), encoding="utf-8") as _file:
    _NAMES = json.load(_file)
_CLASSES = {**_NAMES["hooks of a live session"], **_NAMES["classes"]}


def owner(name):
    """The name of a class, which must stand in the list."""
    if name not in _CLASSES:
        raise KeyError(f"vllm_names.json has no class {name}")
    return name


def member(owner, name):
    """The name itself, which must stand in the list."""
    if name not in _CLASSES[owner]["members"]:
        raise KeyError(f"vllm_names.json has no {owner}.{name}")
    return name


def of(target, owner, name):
    """`target.name`, of the class `owner`."""
    return getattr(target, member(owner, name))


def variable(name):
    """The name of an environment variable, which must stand in the list."""
    if name not in _NAMES["variables"]["members"]:
        raise KeyError(f"vllm_names.json has no variable {name}")
    return name


def fields(configuration):
    """The fields that the installed version's class of that configuration has."""
    return {field.name for field in dataclasses.fields(configuration)}
