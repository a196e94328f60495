-- Run once, when the data volume is new.
CREATE TABLE books (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  title text NOT NULL,
  author text NOT NULL,
  year integer NOT NULL
);

INSERT INTO books (title, author, year) VALUES
  ('The C Programming Language', 'Kernighan and Ritchie', 1978),
  ('The Mythical Man-Month', 'Frederick P. Brooks', 1975),
  ('Structure and Interpretation of Computer Programs', 'Abelson and Sussman', 1985),
  ('The Practice of Programming', 'Kernighan and Pike', 1999);

CREATE TABLE visits (
  at timestamptz NOT NULL DEFAULT now(),
  client text NOT NULL
);
