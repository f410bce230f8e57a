"""The pacers' Lua scripts. Each runs in Valkey as a whole, by Valkey's clock, on the two keys of one pacer.

KEYS[1] is a hash: what is known. KEYS[2] is a sorted set: the calls in flight, each with the moment it is given up.
ARGV[1] is how long a call is believed to be in flight, ARGV[2] its token, all durations in milliseconds.
A `take` answers {milliseconds to wait, 1 if the service asked for quiet}; 0 means that the place is taken.
"""

from __future__ import annotations

_COMMON = """
local state, flying = KEYS[1], KEYS[2]
local hold, token = tonumber(ARGV[1]), ARGV[2]
local LONGEST, KEPT, SOON = 3600000, 7200000, 100
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

-- How far ahead a moment is. Further ahead than it can be means that the clock was set back: then it is over.
local function ahead(moment, most)
  local left = (tonumber(moment) or 0) - now
  if left < 0 or left > most + 1000 then return 0 end
  return left
end

-- Calls whose worker was killed. They may have counted over there.
local lost = redis.call('ZREMRANGEBYSCORE', flying, '-inf', now)
  + redis.call('ZREMRANGEBYSCORE', flying, now + hold + 1000, '+inf')
local in_flight = redis.call('ZCARD', flying)

local function keep()
  redis.call('PEXPIRE', state, KEPT)
  redis.call('PEXPIRE', flying, KEPT)
end

local function fly()
  redis.call('ZADD', flying, now + hold, token)
  keep()
  return {0, 0}
end

local paused = ahead(redis.call('HGET', state, 'pause'), LONGEST)
local function pause(duration)
  if duration > paused then redis.call('HSET', state, 'pause', now + duration) end
end
"""

# The next call may leave one gap after this one. Half a gap of lateness is made up for, so that the threads' waking
# up costs no throughput. Where nothing is remembered (never called, or Valkey was emptied) the next gap is a second.
TAKE_SPACED = (
    _COMMON
    + """
local gap, places = tonumber(ARGV[3]), tonumber(ARGV[4])
if paused > 0 then return {math.ceil(paused), 1} end
if in_flight >= places then return {SOON, 0} end
local due = tonumber(redis.call('HGET', state, 'due'))
local wait = ahead(due, 1000)
if wait > 0 or token == '' then return {math.ceil(wait), 0} end
local step = 1000
if due then step = gap + math.max(math.min(due - now, 0), -gap / 2) end
redis.call('HSET', state, 'due', now + step)
return fly()
"""
)

NOTE_SPACED = (
    _COMMON
    + """
redis.call('ZREM', flying, token)
pause(tonumber(ARGV[3]))
keep()
return {0, 0}
"""
)

# Windows are known apart by their limit, since answers tell of one at a time; each call counts in all of them.
# When a window that was told of is over, the next one is assumed full and as long, for once: only to leave the reserve.
_WINDOWS = (
    _COMMON
    + """
local known = redis.call('HGET', state, 'known') == '1'
local windows = {}
local function store(w)
  local line = string.format('%.0f %.3f %.0f %.0f %.0f', w.remaining, w.ends, w.reset, w.span, w.told)
  redis.call('HSET', state, 'w' .. string.format('%.0f', w.limit), line)
end
local function use(w, calls)
  if calls > 0 then
    w.remaining = math.max(w.remaining - calls, 0)
    store(w)
  end
end
local function unknown()
  known = false
  redis.call('HSET', state, 'known', '0')
end

local fields = redis.call('HGETALL', state)
for i = 1, #fields, 2 do
  local limit = string.match(fields[i], '^w(%d+)$')
  if limit then
    local remaining, ends, reset, span, told = string.match(fields[i + 1], '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
    local w = {limit = tonumber(limit), remaining = tonumber(remaining), ends = tonumber(ends),
      reset = tonumber(reset), span = tonumber(span), told = tonumber(told)}
    if ahead(w.ends, LONGEST) > 0 then
      use(w, lost)
      windows[w.limit] = w
    elseif w.told == 1 then
      w.remaining, w.ends, w.told = w.limit, now + w.span, 0
      store(w)
      windows[w.limit] = w
      unknown()
    else
      redis.call('HDEL', state, fields[i])
    end
  end
end
"""
)

TAKE_TOLD = (
    _WINDOWS
    + """
local urgent, calls, few = ARGV[3] == '1', tonumber(ARGV[4]), tonumber(ARGV[5])
if paused > 0 then return {math.ceil(paused), 1} end
local wait = 0
if not known and in_flight >= few then wait = SOON end
for limit, w in pairs(windows) do
  local reserve = 0
  if not urgent then reserve = math.min(math.ceil(limit / 5), limit - 1) end
  local need = math.min(calls, limit - reserve)
  local room = w.remaining - reserve
  if w.told == 1 or not urgent then
    if room < need then
      local left = ahead(w.ends, LONGEST)
      if w.told == 0 then left = math.min(left, 60000) end
      wait = math.max(wait, left)
    elseif room - in_flight < need then
      wait = math.max(wait, SOON)
    end
  end
end
if wait > 0 or token == '' then return {math.ceil(wait), 0} end
return fly()
"""
)

# Answers overtake each other: within a window only less can remain, and the end that lies nearest is the truest,
# because the service's Date has whole seconds. An answer about a window before the present one says nothing.
NOTE_TOLD = (
    _WINDOWS
    + """
local mine = redis.call('ZREM', flying, token)
pause(tonumber(ARGV[3]))
local limit, remaining, reset, left = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
for other, w in pairs(windows) do
  if other ~= limit then use(w, mine) end
end
if limit > 0 then
  local w = windows[limit]
  if not w or reset > w.reset then
    store({limit = limit, remaining = remaining, ends = now + left, reset = reset,
      span = math.max(left, w and w.span or 0), told = 1})
  elseif reset == w.reset then
    if w.told == 1 then
      remaining, left = math.min(remaining, w.remaining), math.min(left, w.ends - now)
    end
    w.remaining, w.ends, w.told = remaining, now + left, 1
    store(w)
  end
  redis.call('HSET', state, 'known', '1')
end
if tonumber(ARGV[3]) > 0 then unknown() end
keep()
return {0, 0}
"""
)

ALL = (TAKE_SPACED, NOTE_SPACED, TAKE_TOLD, NOTE_TOLD)
