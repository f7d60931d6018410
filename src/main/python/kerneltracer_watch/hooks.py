"""Puts functions around vLLM's methods, as soon as their module is imported, and takes them away again."""

import functools
import importlib.abc
import importlib.util
import sys
import threading


class Hook:
    """Around `module`.`path`. `make` is given the original and returns what stands in its place. `part` is switched off
    as a whole when its code fails. An `optional` one belongs to some versions alone and is not told as missing."""

    def __init__(self, part, module, path, make, optional=False):
        self.part, self.module, self.path, self.make, self.optional = part, module, path, make, optional
        self._owner = self._name = self._original = self._wrapper = None
        self.installed = False

    @property
    def name(self):
        return f"{self.module.rsplit('.', 1)[-1]}.{self.path}"

    def prepare(self):
        """None, or why it cannot be."""
        owner = sys.modules[self.module]
        *parents, self._name = self.path.split(".")
        for parent in parents:
            owner = getattr(owner, parent, None)
            if owner is None:
                return f"no {parent}"
        original = owner.__dict__.get(self._name)
        if original is None:
            return f"no {self._name}"
        if not callable(original):
            return f"{self._name} is no plain function"
        self._owner, self._original = owner, original
        static = isinstance(original, staticmethod)
        function = original.__func__ if static else original
        wrapper = functools.update_wrapper(self.make(function), function)
        self._wrapper = staticmethod(wrapper) if static else wrapper
        return None

    def install(self):
        if self._owner is not None and not self.installed:
            setattr(self._owner, self._name, self._wrapper)
            self.installed = True

    def remove(self):
        # Where another has put its own wrapper around ours, ours has to stay.
        if self.installed and self._owner.__dict__.get(self._name) is self._wrapper:
            setattr(self._owner, self._name, self._original)
            self.installed = False


class Hooks(importlib.abc.MetaPathFinder):
    """All hooks of a process. `told` is called, with no arguments, when some were added."""

    def __init__(self, told):
        self._told = told
        self._waiting = {}
        self._prepared = []
        self._missing = []
        self._broken = set()
        self._lock = threading.RLock()
        self._finding = threading.local()
        self.switched_on = True

    def add(self, hooks):
        with self._lock:
            for hook in hooks:
                self._waiting.setdefault(hook.module, []).append(hook)
        for name in {hook.module for hook in hooks}:
            module = sys.modules.get(name)
            if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
                self._imported(name)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def on(self):
        return [hook.name for hook in self._prepared if hook.part not in self._broken]

    def missing(self):
        return list(self._missing)

    def switch(self, on):
        with self._lock:
            self.switched_on = on
            for hook in self._prepared:
                if on and hook.part not in self._broken:
                    hook.install()
                else:
                    hook.remove()

    def drop(self, part):
        """Takes a part whose code failed away for good."""
        with self._lock:
            self._broken.add(part)
            for hook in self._prepared:
                if hook.part == part:
                    hook.remove()

    def is_broken(self, part):
        return part in self._broken

    def find_spec(self, name, path, target=None):
        """Finds what the others find, and has the hooks put in once the module has run."""
        if name not in self._waiting or getattr(self._finding, "name", None) == name:
            return None
        self._finding.name = name
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        finally:
            self._finding.name = None
        if spec is None or spec.loader is None:
            return None
        loader, hooks = spec.loader, self
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            return None

        class Loader(importlib.abc.Loader):
            def create_module(self, spec):
                return loader.create_module(spec)

            def exec_module(self, module):
                module.__loader__ = loader
                module.__spec__.loader = loader
                execute(module)
                hooks._imported(name)

            def __getattr__(self, attribute):
                return getattr(loader, attribute)

        spec.loader = Loader()
        return spec

    def _imported(self, name):
        try:
            with self._lock:
                hooks = self._waiting.pop(name, [])
                for hook in hooks:
                    reason = hook.prepare()
                    if reason is None:
                        self._prepared.append(hook)
                        if self.switched_on and hook.part not in self._broken:
                            hook.install()
                    elif not hook.optional:
                        self._missing.append({"hook": hook.name, "reason": reason})
            if hooks:
                self._told()
        except Exception as error:
            self._missing.append({"hook": name, "reason": repr(error)})
