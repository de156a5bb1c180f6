-- Everything in the database's own schema goes: `tradewind db reset`. No index: it is the catalogue's.
DROP SCHEMA public CASCADE
