-- Assets become active that something refers to or that an alias stands for, unless an active one has their name or URI;
-- the others become inactive. Whole table, when a parse has changed what DAGs refer to; asset_reference_by_asset.
WITH wanted AS MATERIALIZED (
    SELECT a.id, a.name, a.uri, a.is_active
    FROM asset a
    WHERE EXISTS (SELECT 1 FROM asset_reference r WHERE r.asset_id = a.id)
        OR EXISTS (SELECT 1 FROM asset_alias_asset l WHERE l.asset_id = a.id)
),
active AS MATERIALIZED (
    SELECT w.id
    FROM wanted w
    WHERE NOT EXISTS (
        SELECT 1
        FROM wanted o
        WHERE o.id <> w.id AND (o.name = w.name OR o.uri = w.uri)
            AND (o.is_active::integer > w.is_active::integer OR (o.is_active = w.is_active AND o.id < w.id))
    )
),
changed AS MATERIALIZED (
    SELECT a.id, n.id IS NOT NULL AS is_active
    FROM asset a
    LEFT JOIN active n ON n.id = a.id
    WHERE a.is_active <> (n.id IS NOT NULL)
    ORDER BY a.id
    FOR NO KEY UPDATE OF a
)
UPDATE asset a SET is_active = c.is_active FROM changed c WHERE a.id = c.id
