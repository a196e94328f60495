"""Health check of the web service: exit code 0 when /health answers 200."""

import http.client
import sys

connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=2)
connection.request("GET", "/health")
response = connection.getresponse()
print(response.status, response.read().decode().strip())
sys.exit(0 if response.status == 200 else 1)
