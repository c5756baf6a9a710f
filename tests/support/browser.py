"""A headless Chromium: what a page asks for, what it complains of, what it looks like."""

import base64
import contextlib
import json
import shutil
import subprocess
import time

from websockets.sync.client import connect

BINARY = shutil.which("chromium") or shutil.which("google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",  # WebGL in software, for the replays
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


class Browser:
    """One page; use as a context manager.

    Attributes:
        requests: addresses that the page and its frames asked for.
        complaints: level and text of console messages and of uncaught exceptions.
        alerted: whether a dialogue was opened.
    """

    def __init__(self, profile):
        self._process = subprocess.Popen(
            [BINARY, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        self.requests, self.complaints, self.alerted = [], [], False
        self._number, self._answers, self._loaded = 0, {}, False
        self._connect(profile / "DevToolsActivePort")

    def _connect(self, file):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(OSError, ValueError):
                port, path = file.read_text().split()
                self._socket = connect(f"ws://127.0.0.1:{port}{path}", max_size=None)
                break
            time.sleep(0.05)
        found = self._call("Target.getTargets", session=None)["targetInfos"]
        target = next(t["targetId"] for t in found if t["type"] == "page")
        answer = self._call("Target.attachToTarget", session=None, targetId=target, flatten=True)
        self._session = answer["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self._call("Browser.close", session=None)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._socket.close()

    def look(self, width, height=900, dark=False, phone=False):
        """Set the size of the window [CSS pixels] and the colours that the reader prefers."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, path, settle=0.5):
        """Open a file, wait until it has loaded, and some seconds more."""
        self._loaded = False
        self._call("Page.navigate", url=path.absolute().as_uri())
        until = time.monotonic() + 60
        while not self._loaded and time.monotonic() < until:
            self._receive(1.0)
        self.wait(settle)

    def wait(self, seconds):
        """Go on listening."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._receive(0.1)

    def value(self, expression):
        """Return the value of a JavaScript expression in the page."""
        found = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def picture(self, path, whole=True):
        """Write a PNG of the page."""
        found = self._call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def print(self, path):
        """Write the page as PDF, as a printer would get it."""
        found = self._call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        path.write_bytes(base64.b64decode(found["data"]))

    def _call(self, method, session="", **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        until = time.monotonic() + 120
        while self._number not in self._answers:
            assert time.monotonic() < until, f"{method}: no answer"
            self._receive(1.0)
        answer = self._answers.pop(self._number)
        assert "result" in answer, answer
        return answer["result"]

    def _receive(self, seconds):
        try:
            message = json.loads(self._socket.recv(timeout=seconds))
        except TimeoutError:
            return
        if "id" in message:
            self._answers[message["id"]] = message
            return
        method, params = message["method"], message["params"]
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requests.append(params["url"])
        elif method == "Page.javascriptDialogOpening":
            self.alerted = True
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(("error", str(params["exceptionDetails"])[:400]))
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append((params["type"], str(params["args"])[:400]))
        elif method == "Log.entryAdded":
            self.complaints.append((params["entry"]["level"], params["entry"]["text"][:400]))
