import { createHash } from 'node:crypto'

/** A Lua script, and the digest that Redis knows it by. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

/** Redis 7 refuses such a script to no one for want of memory, whatever it does. It must stand first. */
const alsoWithoutMemory = '#!lua flags=allow-oom'

/** The store's own time in epoch seconds, exact to the microsecond; as text, because Lua would round it. */
const now = `
local clock = redis.call('TIME')
local now = string.format('%d.%06d', clock[1], clock[2])`

/** Whether a value is the record of this version; an empty mark stands for no record. */
const isRecord = `
local function is(value, mark)
  if not value then return mark == '' end
  return mark ~= '' and string.sub(value, 1, #mark) == mark
end`

/** Adds a session to the index that has these two keys; the index lives as long as its longest session. */
const joinIndex = `
local function join(members, id, expiresAt, expiresAtMs)
  redis.call('ZREMRANGEBYSCORE', members, '-inf', now)
  redis.call('ZADD', members, expiresAt, id)
  redis.call('PEXPIREAT', members, expiresAtMs, 'NX')
  redis.call('PEXPIREAT', members, expiresAtMs, 'GT')
end`

/**
 * Replaces a record if its version is the expected one, and puts and deletes grants of its slot in the same step.
 *
 * - KEYS: the record; a key for each grant to put; grant, attempt and lease of each grant to delete.
 * - ARGV: mark of the expected version, of the new one, the new value, its time to live in ms (empty: keep), the number
 *   of grants to put, then value and time to live of each.
 * - Answers the deleted grants' values in their order, none when the new record stands there already; 0: moved.
 */
export const writeRecord: Script = script(`${isRecord}
local standing = redis.call('GET', KEYS[1])
if is(standing, ARGV[2]) then return {} end
if not is(standing, ARGV[1]) then return 0 end
if ARGV[4] == '' then
  redis.call('SET', KEYS[1], ARGV[3], 'XX', 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
end
local puts = tonumber(ARGV[5])
local deleted = {}
for key = puts + 2, #KEYS, 3 do
  deleted[#deleted + 1] = redis.call('GET', KEYS[key])
  redis.call('DEL', KEYS[key], KEYS[key + 1], KEYS[key + 2])
end
for put = 1, puts do
  redis.call('SET', KEYS[put + 1], ARGV[put * 2 + 4], 'PX', ARGV[put * 2 + 5])
end
return deleted`)

/**
 * Deletes a record if its version is the expected one or it is gone already, and grants of its slot with it.
 *
 * - KEYS: the record; grant, attempt and lease of each grant. ARGV: mark of the expected version.
 * - Answers the grants' values in their order; 0: moved.
 */
export const deleteRecord: Script = script(`${isRecord}
local standing = redis.call('GET', KEYS[1])
if standing and not is(standing, ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
local deleted = {}
for key = 2, #KEYS, 3 do
  deleted[#deleted + 1] = redis.call('GET', KEYS[key])
  redis.call('DEL', KEYS[key], KEYS[key + 1], KEYS[key + 2])
end
return deleted`)

/**
 * Replaces a grant if its version is the expected one; its time to live stays.
 *
 * - KEYS: the grant. ARGV: mark of the expected version, of the new one, the new value.
 * - Answers 'committed' (also when the new one stands there already), 'moved' or 'gone'.
 */
export const commitGrant: Script = script(`${isRecord}
local standing = redis.call('GET', KEYS[1])
if not standing then return 'gone' end
if is(standing, ARGV[2]) then return 'committed' end
if not is(standing, ARGV[1]) then return 'moved' end
redis.call('SET', KEYS[1], ARGV[3], 'XX', 'KEEPTTL')
return 'committed'`)

/**
 * Deletes a grant with attempt and lease if its version is the expected one or it is gone already.
 *
 * - KEYS: these three. ARGV: mark of the expected version.
 * - Answers 1; 0: moved.
 */
export const deleteGrant: Script = script(`${isRecord}
local standing = redis.call('GET', KEYS[1])
if standing and not is(standing, ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return 1`)

/** Extends a lease that is still its owner's. KEYS: the lease. ARGV: owner, ms. Answers 1, or 0: it is not. */
export const extendLease: Script = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

/** Gives a lease back that is still its owner's. KEYS: the lease. ARGV: owner. */
export const releaseLease: Script = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)

/** Notes an attempt of the lease's owner. KEYS: lease, attempt. ARGV: owner, value, ms. Answers 1, or 0: not the owner. */
export const writeAttempt: Script = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1`)

/**
 * Adds a session to an index and drops those that have expired.
 *
 * - KEYS: members. ARGV: the member's id, its expiry in epoch seconds, the same in whole ms.
 * - Answers the store's time.
 */
export const joinSubject: Script = script(`${now}${joinIndex}
join(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
return now`)

/**
 * Stores a subject's grant if the expected version stands there, or the new one already, and adds the session that
 * brings it. The grant's time to live becomes no shorter.
 *
 * - KEYS: grant, members.
 * - ARGV: mark of the expected version, of the new one, the new value, ms; of a session that brings it, as joining
 *   takes it: id, expiry, expiry in ms.
 * - Answers as joining does; 0: moved.
 */
export const admitGrant: Script = script(`${isRecord}${now}${joinIndex}
local standing = redis.call('GET', KEYS[1])
if not is(standing, ARGV[2]) and not is(standing, ARGV[1]) then return 0 end
local ttl = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[4]))
redis.call('SET', KEYS[1], ARGV[3], 'PX', string.format('%d', ttl))
if #ARGV > 4 then join(KEYS[2], ARGV[5], ARGV[6], ARGV[7]) end
return now`)

/**
 * Removes a session from an index together with those that have expired, and the subject's grant with the last one.
 *
 * - KEYS: members; where a grant goes with the last session: grant, attempt, lease. ARGV: the member's id.
 * - Answers how many are left, and the deleted grant's value if there was one.
 */
export const leaveSubject: Script = script(`${now}
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local left = redis.call('ZCARD', KEYS[1])
if left > 0 or #KEYS == 1 then return { left, false } end
local standing = redis.call('GET', KEYS[2])
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
return { left, standing }`)

/** How many sessions of an index have not expired. KEYS: members. */
export const countMembers: Script = script(`${now}
return redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')`)

/** The sessions of an index that have not expired. KEYS: members. */
export const listMembers: Script = script(`${now}
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')`)

/**
 * Sets the not-before time to now; also without memory, because the sessions that end by it take more than it does.
 *
 * - KEYS: members, not-before. ARGV: ms.
 * - Answers that time and the sessions' ids.
 */
export const endSubject: Script = script(`${alsoWithoutMemory}${now}
redis.call('SET', KEYS[2], now, 'PX', ARGV[1])
return { now, redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf') }`)

/**
 * Reads an app session and renews it in one step. What does not begin with a time to live is a tombstone, which nobody
 * renews.
 *
 * - KEYS: the app session. ARGV: ms; empty: the time to live that is written in front of the value.
 * - Answers the value as it was written, or nothing.
 */
export const readAppSession: Script = script(`
local value = redis.call('GET', KEYS[1])
local written = value and string.match(value, '^(%d+) ')
if not written then return false end
redis.call('PEXPIRE', KEYS[1], ARGV[1] ~= '' and ARGV[1] or written)
return value`)

/** Writes an app session unless a tombstone stands there. KEYS: the app session. ARGV: value, ms. */
export const writeAppSession: Script = script(`
local value = redis.call('GET', KEYS[1])
if value and not string.match(value, '^%d+ ') then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

/**
 * Puts a tombstone where an app session stands; also without memory, because it takes less than what it ends.
 * KEYS: the app session. ARGV: the tombstone, ms.
 */
export const deleteAppSession: Script = script(`${alsoWithoutMemory}
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

/** Renews an app session unless it is a tombstone. KEYS: the app session. ARGV: ms. */
export const touchAppSession: Script = script(`
local value = redis.call('GET', KEYS[1])
if not value or not string.match(value, '^%d+ ') then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])`)

function script(text: string): Script {
  const lua = text.trim()
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}
