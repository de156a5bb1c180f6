-- The schema that `drop_everything` took away, empty.
CREATE SCHEMA public
