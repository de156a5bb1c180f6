-- Add several messages to a queue that exists, at one moment: added one by one, the first would wake a waiting reader
-- and make a batch of its own.
-- KEYS: stream. ARGV: each message. Returns how many were added: all, or none for lack of a queue.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return nil
end
for _, message in ipairs(ARGV) do
  redis.call('XADD', KEYS[1], '*', 'm', message)
end
return #ARGV
