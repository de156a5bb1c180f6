-- A test that is running, for the transaction that ends it; by connection_test_pkey.
SELECT connection, commit_on_success FROM connection_test WHERE id = $1::uuid AND state = 'running' FOR UPDATE
