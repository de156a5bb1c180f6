-- Make a queue if there is none and register its reader: at one moment, so that nobody else's queue is taken over and
-- no session begins under a link that was just buried.
-- KEYS: stream, links, owners, sessions. ARGV: group, link, queue, exclusive (1 or 0), session or ''.
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 0 then
  return 'buried'
end
local owner = redis.call('HGET', KEYS[3], ARGV[3])
if owner and owner ~= ARGV[2] then
  return 'in use'
end
local existed = redis.call('EXISTS', KEYS[1]) == 1
-- BUSYGROUP: it has its group already.
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then
  return made
end
if not existed and ARGV[4] == '1' then
  redis.call('HSET', KEYS[3], ARGV[3], ARGV[2])
end
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[4], ARGV[5], ARGV[3])
end
return 'ok'
