# SPDX-License-Identifier: Apache-2.0
"""Requests to a real API server, with the credentials of a kubeconfig."""
import asyncio
import base64
import json
import ssl
import urllib.parse

import yaml

from . import pki
from .http import Stream


class Client:
    """One request is one connection: there are few."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            config = yaml.safe_load(file)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        url = urllib.parse.urlsplit(cluster["server"])
        self.host, self.port = url.hostname, url.port or 443
        self.context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        self.token = user.get("token")
        if "client-certificate-data" in user:
            pki.load_chain(self.context, *(base64.b64decode(user[key]) for key in (
                "client-key-data", "client-certificate-data")))

    async def request(self, method, path, query=None, body=None, kind="application/json"):
        """Status and object; of a watch, a Stream."""
        reader, writer = await asyncio.open_connection(self.host, self.port, ssl=self.context, limit=1 << 24)
        target = urllib.parse.quote(path) + ("?" + urllib.parse.urlencode(query) if query else "")
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}", "Accept: application/json",
                 f"Content-Type: {kind}", f"Content-Length: {len(body or b'')}", "Connection: close"]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        writer.write("\r\n".join([*lines, "", ""]).encode() + (body or b""))
        code, headers = await head(reader)
        pieces = content(reader, writer, headers)
        if (query or {}).get("watch") in ("true", "1") and code == 200:
            return code, Stream(pieces)
        answer = b"".join([piece async for piece in pieces])
        return code, json.loads(answer) if answer[:1] in (b"{", b"[") else answer


async def head(reader):
    line = await reader.readline()
    if not line:
        raise OSError("the API server closed the connection")
    headers = {}
    while (each := await reader.readline()).strip():
        name, _, value = each.decode().partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(line.split()[1]), headers


async def content(reader, writer, headers):
    """The body, piece by piece."""
    try:
        if headers.get("transfer-encoding") == "chunked":
            while size := int((await reader.readline()) or b"0", 16):
                yield await reader.readexactly(size)
                await reader.readline()
        elif "content-length" in headers:
            yield await reader.readexactly(int(headers["content-length"]))
        else:
            yield await reader.read()
    finally:
        writer.transport.abort()


async def watch(client, path):
    """Events of a collection for ever: first all that there is, as ("ADDED", object), then what changes."""
    while True:
        try:
            code, found = await client.request("GET", path)
            if code != 200:
                raise OSError(f"{code}: {found}")
            yield "LISTED", found["items"]
            query = {"watch": "true", "resourceVersion": found["metadata"]["resourceVersion"]}
            code, stream = await client.request("GET", path, query)
            async for line in lines(stream.pieces if code == 200 else none()):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    break
                yield event["type"], event["object"]
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass  # the server is restarted, or does not know the kind yet
        await asyncio.sleep(0.2)


async def none():
    return
    yield


async def lines(pieces):
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
