-- Forget a link that is dead, or about to leave: its sessions, whose entries are given back afterwards
-- (recover_entries), and its exclusive queues with all that is in them.
-- KEYS: links, sessions, owners, lease. ARGV: link, prefix of streams.
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[4])
for _, session in ipairs(redis.call('HKEYS', KEYS[2])) do
  if string.match(session, '^(.-)%.') == ARGV[1] then
    redis.call('HDEL', KEYS[2], session)
  end
end
local owners = redis.call('HGETALL', KEYS[3])
for place = 1, #owners, 2 do
  if owners[place + 1] == ARGV[1] then
    redis.call('HDEL', KEYS[3], owners[place])
    redis.call('DEL', ARGV[2] .. owners[place])
  end
end
return 1
