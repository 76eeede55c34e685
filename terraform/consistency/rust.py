"""What the Rust sources of one program read, call and run, found by following its modules.

Names decide, not types: a method of fleet-aws or redis-scripts counts as called where its name is
called on something that is named like its receiver. Absent: macros, and code behind `#[cfg(test)]`.
"""

import re
from functools import cached_property
from pathlib import Path

VARIABLE = re.compile(r'"(FRAMEFLEET_[A-Z0-9_]+)"')
REQUIRED = re.compile(r'required\(\s*"(FRAMEFLEET_[A-Z0-9_]+)"|ConfigError::Missing\("(FRAMEFLEET_[A-Z0-9_]+)"\)')

# Read only by `upload-handler serve`, on a laptop.
LAPTOP = "FRAMEFLEET_LOCAL_"

# In fleet-aws and fleet-core: what stands in a program's source when it takes these settings over.
SHARED_SETTINGS = {
    "Patience::from_lookup": "fleet-aws/src/clients.rs",
    "logging::init": "fleet-aws/src/logging.rs",
    " Limits::from_lookup": "fleet-core/src/limits.rs",
    "DecoderLimits::from_lookup": "fleet-core/src/decoder_limits.rs",
}


def strip(text):
    """The source without its tests and comments."""
    text = re.split(r"^#\[cfg\(test\)\]\s*\nmod ", text, maxsplit=1, flags=re.M)[0]
    return re.sub(r"^\s*//.*$", "", text, flags=re.M)


def functions(text):
    """Name and body of every function, by indentation as rustfmt writes it."""
    pattern = re.compile(r"^( *)(?:pub(?:\([a-z]+\))? )?(?:async )?fn (\w+)(?s:.*?)\n\1\}$", re.M)
    for match in pattern.finditer(text):
        yield match.group(2), match.group(0)


class Program:
    def __init__(self, root, crate, entry):
        self.root, self.crate = Path(root), crate
        self.folder = self.root / crate / "src"
        self.entry = self.folder / entry

    @cached_property
    def files(self):
        """The program's own files, reached from its entry."""
        found, todo = {}, [self.entry]
        while todo:
            path = todo.pop()
            if path in found:
                continue
            text = found[path] = strip(path.read_text())
            todo.extend(self._modules(path, text))
        return found

    def _modules(self, path, text):
        names = set(re.findall(r"^\s*(?:pub(?:\(\w+\))? )?mod (\w+);", text, re.M))
        below = path.parent if path.stem in ("main", "lib", "mod") else path.parent / path.stem
        for name in names:
            yield from self._file(below, name)
        own = self.crate.replace("-", "_")
        for _, group, name in re.findall(r"\b(crate|%s)::(?:\{([^;]*)\}|(\w+))" % own, text):
            for part in [name] if name else re.findall(r"(?:^|,)\s*(\w+)", group):
                yield from self._file(self.folder, part)
        for name in re.findall(r"\bsuper::(\w+)", text):
            yield from self._file(path.parent, name)

    @staticmethod
    def _file(folder, name):
        for path in (folder / f"{name}.rs", folder / name / "mod.rs"):
            if path.is_file():
                yield path

    @cached_property
    def text(self):
        return "\n".join(self.files.values())

    def uses(self, crate):
        return re.search(rf"^{crate}\b", (self.root / self.crate / "Cargo.toml").read_text(), re.M) is not None

    @cached_property
    def settings(self):
        """(every variable that is read, those without a default)"""
        texts = [self.text]
        texts += [strip((self.root / path).read_text()) for sign, path in SHARED_SETTINGS.items() if sign in self.text]
        text = "\n".join(texts)
        read = {name for name in VARIABLE.findall(text) if not name.startswith(LAPTOP)}
        required = {a or b for a, b in REQUIRED.findall(text)}
        return read, required & read

    @cached_property
    def borrowed(self):
        """Bodies of the functions of fleet-aws and redis-scripts that the program ends up in."""
        library = {}
        for crate in ("fleet-aws", "redis-scripts"):
            for path in sorted((self.root / crate / "src").rglob("*.rs")):
                for name, body in functions(strip(path.read_text())):
                    library.setdefault(name, []).append((crate, path, body))
        reached, todo = {}, [(None, self.text)]
        while todo:
            origin, text = todo.pop()
            for name, places in library.items():
                for place in places:
                    crate, path, body = place
                    if name in text and (path, name) not in reached and calls(text, origin, name, place):
                        reached[path, name] = body
                        todo.append((place, body))
        return list(reached.values())

    @cached_property
    def everything(self):
        return "\n".join([self.text, *self.borrowed])

    @cached_property
    def scripts(self):
        """The Lua scripts that it runs."""
        return {name for body in self.borrowed for name in re.findall(r"lua!\((\w+)\)", body)}


RECEIVERS = {
    "fleet-aws": r"(?:videos|queue|tasks|metrics)",
    "redis-scripts": r"(?:jobs|fleet|redis|connection|lua|manager)",
}


def calls(text, origin, name, place):
    """Whether a text calls a library's function: on a receiver of its kind, by path, plainly imported, or
    from beside it (origin is where the text itself stands in a library, None in the program)."""
    crate, path, _ = place
    module = path.stem if path.stem != "mod" else path.parent.name
    patterns = [rf"\b\w*{RECEIVERS[crate]}(?:\(\))?\s*\.\s*{name}\(", rf"\b(?:{module}|[A-Z]\w+)::{name}\("]
    if origin and origin[0] == crate:
        patterns.append(rf"\bself\s*\.\s*{name}\(")
    if origin and origin[1] == path or re.search(rf"\buse [\w:]*::(?:{name}|\{{[^}}]*\b{name}\b[^}}]*\}});", text):
        patterns.append(rf"(?<![\w.:]){name}\(")
    return any(re.search(pattern, text) for pattern in patterns)
