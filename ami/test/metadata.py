"""As much of EC2's instance metadata, version 2, as a machine of the fleet asks for."""

import datetime
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "a-session-token"
ROLE = "agent"


class Metadata:
    def __init__(self, instance, tags):
        below = "/latest/meta-data/"
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=6)
        credentials = {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "test", "SecretAccessKey": "test",
                       "Token": "a-role-token", "Expiration": later.strftime("%Y-%m-%dT%H:%M:%SZ")}
        known = {
            below + "instance-id": instance,
            below + "placement/region": "us-east-1",
            below + "placement/availability-zone": "us-east-1a",
            below + "instance-life-cycle": "spot",
            below + "autoscaling/target-lifecycle-state": "InService",
            below + "iam/security-credentials/": ROLE,
            below + f"iam/security-credentials/{ROLE}": json.dumps(credentials),
            **{below + f"tags/instance/{name}": value for name, value in tags.items()},
        }
        asked = self._asked = set()

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                self.answer(200, TOKEN) if self.path == "/latest/api/token" else self.answer(404, "")

            def do_GET(self):
                asked.add(self.path)
                if self.headers.get("x-aws-ec2-metadata-token") != TOKEN:
                    self.answer(401, "")
                elif self.path in known:
                    self.answer(200, known[self.path])
                else:
                    self.answer(404, "")

            def answer(self, status, text):
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def asked(self, path):
        return path in self._asked
