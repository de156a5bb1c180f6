-- Give back what readers that are no more have not settled: each entry is added anew, marked as delivered before, and
-- the old one deleted. Moving it to another reader would not do: only what is added wakes a blocked one.
-- KEYS: links, sessions, stream... ARGV: group. Returns how many entries were given back.
local group = ARGV[1]

local function is_alive(consumer)
  local link = string.match(consumer, '^(.-)%.')
  return link and redis.call('HEXISTS', KEYS[1], link) == 1 and redis.call('HEXISTS', KEYS[2], consumer) == 1
end

local function add_anew(stream, entry)
  local command, first_added = {'XADD', stream, '*'}, string.match(entry[1], '^(%d+)-')
  for place = 1, #entry[2], 2 do
    if entry[2][place] == 'r' then
      first_added = entry[2][place + 1]
    else
      table.insert(command, entry[2][place])
      table.insert(command, entry[2][place + 1])
    end
  end
  table.insert(command, 'r')
  table.insert(command, first_added)
  redis.call(unpack(command))
end

local function give_back(stream, consumer)
  local count = 0
  while true do
    local pending = redis.call('XPENDING', stream, group, '-', '+', 1000, consumer)
    if #pending == 0 then
      break
    end
    for _, held in ipairs(pending) do
      local entry = redis.call('XRANGE', stream, held[1], held[1])[1]
      if entry then
        add_anew(stream, entry)
        redis.call('XDEL', stream, held[1])
        count = count + 1
      end
      redis.call('XACK', stream, group, held[1])
    end
  end
  redis.call('XGROUP', 'DELCONSUMER', stream, group, consumer)
  return count
end

local count = 0
for place = 3, #KEYS do
  local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[place], group)
  -- An error: the queue is gone, and what was in it.
  if not consumers.err then
    for _, described in ipairs(consumers) do
      -- Field names and values by turns; the first is the name.
      if not is_alive(described[2]) then
        count = count + give_back(KEYS[place], described[2])
      end
    end
  end
end
return count
