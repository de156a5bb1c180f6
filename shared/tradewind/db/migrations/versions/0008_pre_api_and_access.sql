-- What the API needs: who may do what, what was changed by whom, and what clients ask for beyond runs.

UPDATE schema_range SET newest = 8;
