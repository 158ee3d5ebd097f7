"""A Hugging Face Hub on loopback: as much of its HTTP interface as it takes to make, commit to and read a model."""

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit


class Hub:
    """Repositories in memory: name -> commits, the last of which is ``main``; ``asked`` keeps every request."""

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            hub = self

            def log_message(self, *_: object) -> None: ...

            def do_HEAD(self) -> None:
                self.answer()

            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                self.answer()

            def answer(self) -> None:
                path = unquote(urlsplit(self.path).path)
                self.hub.asked.append(f"{self.command} {path}")
                length = int(self.headers.get("Content-Length") or 0)
                status, headers, body = self.hub.respond(path, self.rfile.read(length))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def commit(self, repository: str, files: dict[str, bytes]) -> str:
        """Put files into a repository; returns the commit."""
        history = self.commits.setdefault(repository, {})
        before = next(reversed(history.values()), {".gitattributes": b"*.safetensors filter=lfs\n"})
        files = {**before, **files}
        commit = hashlib.sha1(repr((len(history), sorted(files.items()))).encode()).hexdigest()
        history[commit] = files
        return commit

    def respond(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        parts = path.strip("/").split("/")
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.commits.setdefault(name, {})
            return _json({"url": f"{self.url}/{name}"})
        if path == "/api/validate-yaml":
            return _json({"errors": [], "warnings": []})
        if parts[:2] == ["api", "models"]:
            name, what = "/".join(parts[2:4]), parts[4] if len(parts) > 4 else ""
            if name not in self.commits:
                return _missing("RepoNotFound")
            if what == "preupload":
                files = json.loads(body)["files"]
                return _json(
                    {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]}
                )
            if what == "commit":
                lines = [json.loads(line) for line in body.splitlines()]
                new = {
                    line["value"]["path"]: base64.b64decode(line["value"]["content"])
                    for line in lines
                    if line["key"] == "file"
                }
                commit = self.commit(name, new)
                return _json({"success": True, "commitOid": commit, "commitUrl": f"{self.url}/{name}/commit/{commit}"})
            commit = self._commit(name, parts[5] if len(parts) > 5 else "main")
            if commit is None:
                return _missing("RevisionNotFound")
            files = self.commits[name][commit]
            if what == "tree":
                return _json(
                    [{"type": "file", "path": f, "size": len(c), "oid": _sha(c)} for f, c in sorted(files.items())]
                )
            return _json({"id": name, "sha": commit, "siblings": [{"rfilename": f} for f in sorted(files)]})
        if len(parts) > 4 and parts[2] == "resolve":
            name, commit = "/".join(parts[:2]), self._commit("/".join(parts[:2]), parts[3])
            content = self.commits.get(name, {}).get(commit or "", {}).get("/".join(parts[4:]))
            if content is None:
                return _missing("EntryNotFound")
            return 200, {"ETag": f'"{_sha(content)}"', "X-Repo-Commit": str(commit)}, content
        return 404, {}, b""

    def _commit(self, name: str, revision: str) -> str | None:
        history = self.commits.get(name, {})
        if revision == "main":
            return next(reversed(history), None)
        return revision if revision in history else None


def _sha(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def _json(value: object) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _missing(code: str) -> tuple[int, dict[str, str], bytes]:
    return 404, {"X-Error-Code": code, "X-Error-Message": code}, b"{}"
