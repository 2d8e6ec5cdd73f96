"""
What the providers' own packages can ask for: the HTTP method and path of each of their methods.

It is read from the packages' source, without importing them: `.venv-clients` has them at the
versions that the end-to-end tests are written for. `{}` stands where a path has a value in it.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = next(ROOT.glob(".venv-clients/lib/python*/site-packages"), None)

Asked = tuple[str, str]

_STAINLESS = {
    "_get": "GET", "_get_api_list": "GET", "_post": "POST", "_put": "PUT", "_patch": "PATCH",
    "_delete": "DELETE",
}  # fmt: skip
_VARIABLE = re.compile(r"\{[^{}]*\}")


def stainless(package: str) -> set[Asked]:
    """OpenAI, Anthropic, Groq, Together: `self._post("/path", ...)` in every resource."""
    found: set[Asked] = set()
    for call, names in _calls(package, "self._"):
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _STAINLESS:
            continue
        method = _STAINLESS[call.func.attr]
        for keyword in call.keywords:
            if keyword.arg == "method":  # of a list
                method = _text(keyword.value, names)[0].upper()
        if call.args:
            found |= {(method, path) for path in _text(call.args[0], names)}
    return {(method, path.partition("?")[0]) for method, path in found if path.startswith("/")}


def speakeasy(package: str) -> set[Asked]:
    """Mistral, and Google's newer half: `self._build_request(method=..., path=...)`."""
    found: set[Asked] = set()
    for call, names in _calls(package, "path="):
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        if "method" in named and "path" in named and isinstance(call.func, ast.Attribute):
            for method in _text(named["method"], names):
                found |= {(method, path) for path in _text(named["path"], names)}
    return {(method.upper(), path.partition("#")[0]) for method, path in found}


def fern(package: str) -> set[Asked]:
    """Cohere: `self._client_wrapper.httpx_client.request("v2/chat", method="POST")`."""
    found: set[Asked] = set()
    for call, names in _calls(package, "httpx_client"):
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if name in ("request", "stream") and call.args and "method" in named:
            for method in _text(named["method"], names):
                found |= {(method, f"/{path}") for path in _text(call.args[0], names)}
    return found


# What the names in Google's paths stand for, by the module that has them.
_NAMED = {
    "batches": "b",
    "caches": "cachedContents/c",
    "documents": "fileSearchStores/s/documents/d",
    "file_search_stores": "fileSearchStores/s",
    "models": "models/m",
    "operations": "operations/o",
    "tunings": "tunedModels/t",
}
_NAMED_AT_VERTEX = {"tunings": "tuningJobs/t", "models": "models/m"}


def google(*, vertex: bool) -> set[Asked]:
    """
    google-genai: `path = '{model}:generateContent'`, then `self._api_client.request('post', path)`.

    A function may have two paths, for the Gemini API and for Vertex AI, and has one method.
    """
    assert PACKAGES is not None
    found: set[Asked] = set()
    for file in sorted((PACKAGES / "google" / "genai").glob("*.py")):
        module = file.stem
        named = _NAMED.get(module, "things/x")
        named = _NAMED_AT_VERTEX.get(module, named) if vertex else named
        model = "publishers/google/models/m" if vertex else "models/m"
        known = {
            "model": model,
            "resourceName": model,
            "models_url": "models",
            "parent": "fileSearchStores/s" if module == "documents" else "",
            **dict.fromkeys(("name", "operationName", "file_search_store_name", "clean_id"), named),
        }
        for function in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                methods, paths = _asked_in(function, vertex=vertex)
                wholes = {_google_path(path, known) for path in paths} - {""}
                found |= {(method, whole) for method in methods for whole in wholes}
    return found


def _google_path(path: str, known: dict[str, str]) -> str:
    """The whole of a path of google-genai, with its values; "" where it is made from another."""
    path = path.partition("?")[0].replace("{api_version}/", "")
    if path == "{model}":  # one of the user's own
        return "/v1beta/models/m"
    path = _VARIABLE.sub(lambda found: known.get(found[0][1:-1], "x"), path).lstrip("/")
    if path == "x":
        return ""
    if path.startswith("upload/"):
        return f"/upload/v1beta/{path.removeprefix('upload/')}"
    return f"/v1beta/{path}"


def _asked_in(function: ast.AST, *, vertex: bool) -> tuple[set[str], set[str]]:
    """The methods and paths of one function, those of the other platform left out."""
    others: set[ast.AST] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.If) and "vertexai" in ast.unparse(node.test):
            negated = isinstance(node.test, ast.UnaryOp)
            for each in node.orelse if vertex is not negated else node.body:
                others |= set(ast.walk(each))
    methods: set[str] = set()
    paths: set[str] = set()
    for node in ast.walk(function):
        if node in others:
            continue
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "path":
            paths |= set(_raw_text(node.value))
        name = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
        if name.endswith(("request", "request_streamed")) and node.args:
            methods |= {each.upper() for each in _raw_text(node.args[0])}
    return methods, paths


def _raw_text(node: ast.expr) -> list[str]:
    """Text with the names of what is put into it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value.replace("{{", "{").replace("}}", "}")]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _raw_text(node.func.value)
    if isinstance(node, ast.JoinedStr):
        return [ast.unparse(node)[2:-1]]
    return []


def botocore(service: str) -> set[Asked]:
    """AWS: the newest service model of this name."""
    import gzip  # noqa: PLC0415  only here

    assert PACKAGES is not None
    folder = max((PACKAGES / "botocore" / "data" / service).iterdir())
    for file in folder.glob("service-2.json*"):
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        operations = json.loads(raw)["operations"].values()
        return {
            (each["http"]["method"], _VARIABLE.sub("{}", each["http"]["requestUri"].split("?")[0]))
            for each in operations
        }
    raise AssertionError(f"botocore has no model of {service}")


def grpc(package: str) -> set[Asked]:
    """xAI: the full names of the methods of its services."""
    assert PACKAGES is not None
    found: set[Asked] = set()
    for file in (PACKAGES / package).rglob("*_pb2_grpc.py"):
        text = file.read_text("utf-8")
        found |= {("POST", name) for name in re.findall(r"'(/xai_api\.\w+/\w+)'", text)}
    return found


# --- parts ----------------------------------------------------------------------------------


def hosts_named(package: str) -> set[str]:
    """The hosts that a package's source gives a client as the base of its URLs."""
    found: set[str] = set()
    for call, names in _calls(package, "base_url"):
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        if "base_url" in named:
            found |= {url.split("/")[2] for url in _text(named["base_url"], names) if "://" in url}
    return found


def _calls(package: str, word: str) -> Iterator[tuple[ast.Call, dict[str, ast.expr]]]:
    """
    Every call in a package, and the names that were given text in the file around it.

    A file without the `word` has none that is looked for: most only declare types, by the thousand.
    """
    assert PACKAGES is not None
    for file in sorted((PACKAGES / package).rglob("*.py")):
        text = file.read_text("utf-8")
        if word not in text:
            continue
        tree = ast.parse(text)
        names = {
            node.targets[0].id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield node, names


def _text(node: ast.expr, names: dict[str, ast.expr]) -> list[str]:
    """All that an expression can be, where it is text: `{}` for what is put into it."""
    if isinstance(node, ast.Constant):
        return [_VARIABLE.sub("{}", node.value)] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        parts = [each.value if isinstance(each, ast.Constant) else "{}" for each in node.values]
        return ["".join(map(str, parts))]
    if isinstance(node, ast.IfExp):
        return _text(node.body, names) + _text(node.orelse, names)
    if isinstance(node, ast.Name) and node.id in names:
        return _text(names[node.id], {})
    if isinstance(node, ast.Call):  # path_template("/a/{b}", b=b), "{a}".format_map(...)
        inner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if isinstance(inner, ast.Constant):
            return _text(inner, names)
        return _text(node.args[0], names) if node.args else []
    return []
