-- Assets.

UPDATE schema_range SET newest = 5;
