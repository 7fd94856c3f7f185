#!/usr/bin/env python3
"""Serves S3 (moto) and Cloud Storage (gcp-storage-emulator) on free local ports until standard input ends.

Usage: python3 tests/servers.py

Prints one line of JSON with the addresses. Whoever started it holds the other end of the pipe, so that nothing is left
behind when a test ends early.
"""

from __future__ import annotations

import json
import logging
import os
import sys

from gcp_storage_emulator.server import create_server
from moto.server import ThreadedMotoServer


def main() -> None:
    """Starts the servers."""
    logging.disable(logging.CRITICAL)
    s3 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    storage = create_server("127.0.0.1", 0, in_memory=True)
    storage.start()
    address = storage._api._httpd.server_address
    host, port = s3.get_host_and_port()
    print(json.dumps({"s3": f"http://{host}:{port}", "gcs": f"http://{address[0]}:{address[1]}"}), flush=True)
    sys.stdin.read()
    # Threads of both servers would hold a regular end up.
    os._exit(0)


if __name__ == "__main__":
    main()
