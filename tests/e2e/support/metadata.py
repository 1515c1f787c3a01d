"""The services that hand out keys, on the loopback address: instance metadata (version 2), the
service beside a container, and the Security Token Service."""

import http.server
import json
import threading
import urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.sandbox import REGION

CONTAINER = "/container"
CONTAINER_TOKEN = "Basic container"
ROLE = "web-role"
ROLES = "/latest/meta-data/iam/security-credentials/"


class MetadataService:
    """Serves `keys` (id, secret, session token) and keeps what it was asked in `asked`.

    Who signs with `keys` can assume a role and gets `role_keys`.
    """

    def __init__(self, keys, role_keys=None):
        self.keys = keys
        self.role_keys = role_keys
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
                if self.path == CONTAINER:
                    known = self.headers.get("Authorization") == CONTAINER_TOKEN
                    return self.answer(200, json.dumps(service.document())) if known else self.answer(403)
                if self.headers.get("x-aws-ec2-metadata-token") != service.token():
                    return self.answer(401)
                documents = {ROLES: ROLE, ROLES + ROLE: json.dumps(service.document())}
                return self.answer(200, documents[self.path]) if self.path in documents else self.answer(404)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                parameters = dict(urllib.parse.parse_qsl(body.decode()))
                service.asked.append(f"{parameters['Action']} {parameters['RoleArn']}")
                if self.headers["Authorization"].split("Signature=")[1] != self.signature(body):
                    return self.answer(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>")
                return self.answer(200, service.answer_for_role())

            def signature(self, body):
                names = ["Content-Type", "X-Amz-Date", "X-Amz-Security-Token"]
                request = AWSRequest(
                    "POST", f"http://{self.headers['Host']}{self.path}", data=body,
                    headers={name: self.headers[name] for name in names if name in self.headers})
                request.context["timestamp"] = self.headers["X-Amz-Date"]
                signer = SigV4Auth(Credentials(*service.keys), "sts", REGION)
                return signer.signature(
                    signer.string_to_sign(request, signer.canonical_request(request)), request)

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

    def answer_for_role(self):
        names = ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"]
        keys = "".join(f"<{name}>{value}</{name}>"
                       for name, value in zip(names, [*self.role_keys, "2099-01-01T00:00:00Z"]))
        return f"<AssumeRoleResponse><Credentials>{keys}</Credentials></AssumeRoleResponse>"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
