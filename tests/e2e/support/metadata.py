"""An instance metadata service, version 2, on the loopback address."""

import http.server
import json
import threading

ROLE = "web-role"
ROLES = "/latest/meta-data/iam/security-credentials/"


class MetadataService:
    """Serves `keys` (id, secret, session token) and keeps what it was asked in `asked`."""

    def __init__(self, keys):
        self.keys = keys
        self.asked = []
        self.tokens = 0
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                service.asked.append(f"PUT {self.path}")
                ttl = self.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
                if self.path != "/latest/api/token" or not ttl.isdigit():
                    return self.answer(400)
                service.tokens += 1
                return self.answer(200, service.token())

            def do_GET(self):
                service.asked.append(f"GET {self.path}")
                if self.headers.get("x-aws-ec2-metadata-token") != service.token():
                    return self.answer(401)
                documents = {ROLES: ROLE, ROLES + ROLE: json.dumps(service.document())}
                return self.answer(200, documents[self.path]) if self.path in documents else self.answer(404)

            def answer(self, status, text=""):
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def token(self):
        return f"token-{self.tokens}"

    def forget_tokens(self):
        """As a service that was started again: the tokens that it gave out are no good."""
        self.tokens += 1

    def document(self):
        key_id, secret, token = self.keys
        return {"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
                "AccessKeyId": key_id, "SecretAccessKey": secret, "Token": token,
                "Expiration": "2099-01-01T00:00:00Z"}

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
