-- What tasks keep: state stores and the like.

UPDATE schema_range SET newest = 6;
