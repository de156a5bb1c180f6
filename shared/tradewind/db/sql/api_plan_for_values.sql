-- For the rest of this transaction, statements are planned for the values they are given: a page's many optional
-- filters are worth a plan of their own, which folds the absent ones away. No index serves it.
SELECT
    set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'on', true),
    set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)
