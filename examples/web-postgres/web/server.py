"""A small shop window: every page is read from PostgreSQL, and every visit is written to it.

GET /            the books as an HTML page
GET /books.json  the books and the number of visits so far
GET /health      200 when the database answers
"""

import html
import json
import os
import signal
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2
from psycopg2.pool import ThreadedConnectionPool

PORT = 8000


def connect() -> ThreadedConnectionPool:
    return ThreadedConnectionPool(
        1,
        16,
        host=os.environ["DATABASE_HOST"],
        dbname=os.environ["DATABASE_NAME"],
        user=os.environ["DATABASE_USER"],
        password=Path(os.environ["DATABASE_PASSWORD_FILE"]).read_text().strip(),
        connect_timeout=3,
    )


@contextmanager
def transaction(pool: ThreadedConnectionPool):
    """A cursor in a transaction; a broken connection is thrown away, not put back."""
    connection = pool.getconn()
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        pool.putconn(connection, close=connection.closed != 0)


def read_shop(pool: ThreadedConnectionPool, client: str) -> dict:
    with transaction(pool) as cursor:
        cursor.execute("INSERT INTO visits (client) VALUES (%s)", (client,))
        cursor.execute("SELECT title, author, year FROM books ORDER BY year")
        books = [dict(zip(("title", "author", "year"), row)) for row in cursor.fetchall()]
        cursor.execute("SELECT count(*), current_setting('server_version') FROM visits")
        visits, version = cursor.fetchone()
    return {"server": f"PostgreSQL {version}", "visits": visits, "books": books}


def render(shop: dict) -> str:
    rows = "".join(
        f"<tr><td>{book['year']}</td><td>{html.escape(book['title'])}</td><td>{html.escape(book['author'])}</td></tr>"
        for book in shop["books"]
    )
    return (
        "<!doctype html><meta charset=utf-8><title>Books</title>"
        "<style>body{font:16px sans-serif;margin:3em}td{padding:.3em 1em}</style>"
        f"<h1>Books</h1><table>{rows}</table>"
        f"<p>Visit {shop['visits']}, read from {html.escape(shop['server'])}.</p>"
    )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pool: ThreadedConnectionPool

    def do_GET(self) -> None:
        try:
            self.answer()
        except psycopg2.Error as error:
            self.send(503, "text/plain; charset=utf-8", f"the database does not answer: {error}\n")

    def answer(self) -> None:
        if self.path == "/":
            self.send(200, "text/html; charset=utf-8", render(read_shop(self.pool, self.client_address[0])))
        elif self.path == "/books.json":
            shop = read_shop(self.pool, self.client_address[0])
            self.send(200, "application/json", json.dumps(shop, indent=2) + "\n")
        elif self.path == "/health":
            with transaction(self.pool) as cursor:
                cursor.execute("SELECT 1")
            self.send(200, "text/plain; charset=utf-8", "ok\n")
        else:
            self.send(404, "text/plain; charset=utf-8", "no such page\n")

    def send(self, status: int, content_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    Handler.pool = connect()
    server = ThreadingHTTPServer(("", PORT), Handler)
    # shutdown() waits for the loop that this signal interrupts: it has to come from another thread
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listening on port {PORT}")
    server.serve_forever(poll_interval=0.1)
    print("stopped")


if __name__ == "__main__":
    main()
