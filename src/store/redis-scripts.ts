import { createHash } from 'node:crypto'

/** A script by its text, and by the name that the server knows it under. */
export type Script = { readonly text: string; readonly sha: string }

const script = (text: string): Script => ({
  text,
  sha: createHash('sha1').update(text).digest('hex'),
})

/**
 * A row is `EXPIRES VALUE`. A row in lists has a place besides: `[id, name …]` in the hash of places, and its end in `due`,
 * so that the lists can be cleaned when Redis has long dropped the row.
 *
 * KEYS: sequence, places, due, then the rows. ARGV: now, until (by the server's clock), prefix of lists, channel, how many
 * messages, those, then for each write its op, and but for a delete: expected (with `=` before it, or nothing), value,
 * expires, how many names, those.
 *
 * Everything is read and judged before the first write: a key of a wrong type fails the script with nothing written, and
 * so does a full memory, which Redis tests at the first write.
 */
export const COMMIT = script(`
local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[2]) then
  return redis.error_reply('LATE it could not begin before its deadline')
end
local now = tonumber(ARGV[1])
local at = 6 + tonumber(ARGV[5])
local writes, reply, won = {}, {1}, true
for i = 4, #KEYS do
  local row = redis.call('GET', KEYS[i])
  local value = false
  if row then
    local space = string.find(row, ' ', 1, true)
    if tonumber(string.sub(row, 1, space - 1)) > now then value = string.sub(row, space + 1) end
  end
  local write = {op = ARGV[at], row = KEYS[i], key = ARGV[at + 1], names = {}}
  write.place = redis.call('HGET', KEYS[2], write.key)
  at = at + 2
  if write.op ~= 'delete' then
    local expected = ARGV[at]
    if write.op == 'swap' then
      if expected == '' then won = won and not value
      else won = won and value == string.sub(expected, 2) end
    end
    write.value, write.expires = ARGV[at + 1], ARGV[at + 2]
    for name = 1, tonumber(ARGV[at + 3]) do
      write.names[name] = ARGV[at + 3 + name]
      redis.call('ZCARD', ARGV[3] .. write.names[name])
    end
    at = at + 4 + #write.names
  end
  reply[#reply + 1] = value and 1 or 0
  writes[#writes + 1] = write
end
redis.call('ZCARD', KEYS[3])
if not won then
  reply[1] = 0
  return reply
end
for _, write in ipairs(writes) do
  local ttl = write.value and math.ceil(tonumber(write.expires) - now) or 0
  if ttl > 0 then
    redis.call('SET', write.row, write.expires .. ' ' .. write.value, 'PX', string.format('%.0f', ttl))
  else
    redis.call('DEL', write.row)
  end
  local place = redis.call('HGET', KEYS[2], write.key)
  place = place and cjson.decode(place)
  if place then
    for name = 2, #place do redis.call('ZREM', ARGV[3] .. place[name], write.key) end
  end
  if ttl > 0 and #write.names > 0 then
    local id = place and place[1] or string.format('%.0f', redis.call('INCR', KEYS[1]))
    local listed = {id}
    for _, name in ipairs(write.names) do
      listed[#listed + 1] = name
      redis.call('ZADD', ARGV[3] .. name, id, write.key)
    end
    redis.call('HSET', KEYS[2], write.key, cjson.encode(listed))
    redis.call('ZADD', KEYS[3], write.expires, write.key)
  elseif place then
    redis.call('HDEL', KEYS[2], write.key)
    redis.call('ZREM', KEYS[3], write.key)
  end
end
for message = 6, 5 + tonumber(ARGV[5]) do redis.call('PUBLISH', ARGV[4], ARGV[message]) end
return reply
`)

/** KEYS: places, due. ARGV: now, limit, prefix of rows, prefix of lists. */
export const PURGE = script(`
local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, key in ipairs(over) do
  local place = redis.call('HGET', KEYS[1], key)
  place = place and cjson.decode(place) or {}
  for name = 2, #place do redis.call('ZREM', ARGV[4] .. place[name], key) end
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
  redis.call('DEL', ARGV[3] .. key)
end
return #over
`)

/**
 * Writes, as only that tells a server that takes writes. Answers its time, and the epoch of what it holds: `ARGV[3]` where
 * it has none, since somebody has emptied it. KEYS: the beat, the epoch. ARGV: channel, message, another epoch.
 */
export const BEAT = script(`
redis.call('SET', KEYS[1], ARGV[2], 'PX', 60000)
redis.call('PUBLISH', ARGV[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[3], 'NX')
local time = redis.call('TIME')
return {string.format('%.3f', time[1] * 1000 + time[2] / 1000), redis.call('GET', KEYS[2])}
`)
