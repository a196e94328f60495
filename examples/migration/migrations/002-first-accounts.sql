ALTER TABLE accounts ADD CONSTRAINT accounts_not_overdrawn CHECK (cents >= 0);

INSERT INTO accounts (owner, cents) VALUES ('ada', 1200), ('grace', 4200);
