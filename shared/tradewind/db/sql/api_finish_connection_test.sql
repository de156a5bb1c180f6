-- A (locked) test is over; its secrets go. By connection_test_pkey.
UPDATE connection_test
SET state = $2::text, result_message = $3::text, ended_at = $4::timestamptz, connection = NULL
WHERE id = $1::uuid
