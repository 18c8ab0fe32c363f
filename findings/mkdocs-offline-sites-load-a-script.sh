#!/usr/bin/env bash
# A site that mkdocs-material builds for use without a network loads a script from unpkg.com on every page.
#
# Version: mkdocs-material 9.8.2 with mkdocs 1.6.1; opened in the machine's Chromium, whose version is printed (156 was seen).
# Expected: with the plugin `offline` a site can be opened from the file system, and its search works, "no server needed"
#   (https://squidfunk.github.io/mkdocs-material/plugins/offline/). A footnote there says that what is external needs the plugin `privacy`.
# Seen: it is the plugin itself that adds https://unpkg.com/iframe-worker/shim, without a version, to every page. A page opened as a file
#   has no search if that host cannot be reached; one from a server asks for it, too, and does without. Nothing is loaded if
#   extra.polyfills of mkdocs.yml names a file of the site with "iframe-worker" in its name.
#
# Needs python3 with venv, a package index and Chromium, whose requests end at a proxy in this script. It takes a minute on a busy machine.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mkdocs==1.6.1 mkdocs-material==9.8.2
cd "$folder"
NO_MKDOCS_2_WARNING=1 venv/bin/python - <<'PYTHON'
import functools, http.server, importlib.metadata, pathlib, re, socket, subprocess, sys
from concurrent import futures
from threading import Thread

for name in ("mkdocs", "mkdocs-material"):
    print(name, importlib.metadata.version(name))
print(subprocess.run(["chromium", "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip())
OFFLINE = """
site_name: Finding
docs_dir: docs
strict: true
theme: {name: material, font: false}
plugins: [search, offline]
"""
pathlib.Path("docs").mkdir()
for page in ("index", "other"):
    pathlib.Path(f"docs/{page}.md").write_text(f"# The {page}\n")


def build(site, config):
    """What the pages of a site load from elsewhere, by page."""
    pathlib.Path(f"{site}.yml").write_text(f"{config}site_dir: {site}\n")
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "--quiet", "--config-file", f"{site}.yml"], check=True)
    loaded = re.compile(r"""<(?:script|link|img)\b[^>]*\b(?:src|href)=["']?((?:https?:)?//[^"'> ]+)""")
    return {page.name: loaded.findall(page.read_text()) for page in sorted(pathlib.Path(site).glob("**/*.html"))}


def hosts(proxy, asked):
    """Notes which hosts Chromium asks a proxy for, and refuses each."""
    while True:
        connection = proxy.accept()[0]
        with connection:
            asked.append(connection.recv(4096).decode("latin-1").split("\r\n")[0])
            connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def open_(address, profile):
    """Whether a page asks for unpkg.com, and whether it has a search then."""
    asked = []
    proxy = socket.create_server(("127.0.0.1", 0))
    Thread(target=hosts, args=(proxy, asked), daemon=True).start()
    page = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={pathlib.Path(profile).absolute()}",
         "--proxy-server=127.0.0.1:%d" % proxy.getsockname()[1], "--virtual-time-budget=5000", "--dump-dom", address],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=120, check=True).stdout
    search = re.search(r'<[^>]*data-md-component="search"[^>]*>', page)[0]
    return any(line.startswith("CONNECT unpkg.com:443 ") for line in asked), " hidden" not in search


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


offline = build("offline", OFFLINE)
own = build("own", OFFLINE + "extra: {polyfills: [javascripts/iframe-worker.js]}\n")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory="offline"))
Thread(target=server.serve_forever, daemon=True).start()
with futures.ThreadPoolExecutor() as pool:
    file = pool.submit(open_, pathlib.Path("offline/index.html").absolute().as_uri(), "profile-file")
    served = pool.submit(open_, f"http://127.0.0.1:{server.server_address[1]}/index.html", "profile-served")
print("offline loads from elsewhere:", offline)
print("with a file of the site in extra.polyfills:", own)
for how, found in (("as a file", file.result()), ("from a server", served.result())):
    print("opened %s, unpkg.com out of reach: asks for it %s, has a search %s" % (how, *found))
shim = {name: ["https://unpkg.com/iframe-worker/shim"] for name in ("404.html", "index.html", "other.html")}
same = offline == shim and own == {name: [] for name in shim}
sys.exit(0 if same and (file.result(), served.result()) == ((True, False), (True, True)) else "the behaviour has changed")
PYTHON
