-- Assets become active that something refers to or that an alias stands for; of several with one name or URI the one that
-- tasks write, else the one that is active already, else the oldest. The others become inactive. Whole table, when a parse has changed what DAGs refer to; asset_reference_by_asset.
WITH wanted AS MATERIALIZED (
    SELECT
        a.id, a.name, a.uri, a.is_active::integer AS rank_active,
        EXISTS (SELECT 1 FROM asset_reference r WHERE r.asset_id = a.id AND r.role = 'outlet')::integer AS rank_written
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
            AND (o.rank_written, o.rank_active, -o.id) > (w.rank_written, w.rank_active, -w.id)
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
