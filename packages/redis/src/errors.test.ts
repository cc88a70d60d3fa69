import { describe, expect, it } from 'vitest'
import { RedisError, type RedisErrorCode, type Remedy, redisError, refusesWrites } from './errors.ts'
import { FaultLog } from './fault-log.ts'
import { KeptLog } from './store-options.fixture.ts'

/** As ioredis makes them of what Redis replies. */
function reply(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError', command: { name: 'get', args: ['secret'] } })
}

function network(code: string): Error {
  return Object.assign(new Error(`connect ${code} 127.0.0.1:1`), { code })
}

const table: readonly (readonly [Error, RedisErrorCode, Remedy])[] = [
  [reply("READONLY You can't write against a read only replica."), 'READONLY', 'reconnect'],
  [
    reply("READONLY You can't write against a read only replica. script: a1, on @user_script:7."),
    'READONLY',
    'reconnect',
  ],
  [reply('MASTERDOWN Link with MASTER is down.'), 'MASTERDOWN', 'reconnect'],
  [reply('MOVED 3999 127.0.0.1:6381'), 'MOVED', 'configuration'],
  [reply('ASK 3999 127.0.0.1:6381'), 'ASK', 'configuration'],
  [reply("CROSSSLOT Keys in request don't hash to the same slot"), 'CROSSSLOT', 'configuration'],
  [reply('ERR DB index is out of range'), 'NODB', 'configuration'],
  [reply('ERR This instance has cluster support disabled'), 'NOCLUSTER', 'configuration'],
  [reply('CLUSTERDOWN Hash slot not served'), 'CLUSTERDOWN', 'retry'],
  [reply('TRYAGAIN Multiple keys request during rehashing of slot'), 'TRYAGAIN', 'retry'],
  [
    new Error('Too many Cluster redirections. Last error: ReplyError: MOVED 1 127.0.0.1:1'),
    'REDIRECTED',
    'retry',
  ],
  [reply('LOADING Redis is loading the dataset in memory'), 'LOADING', 'retry'],
  [reply('BUSY Redis is busy running a script.'), 'BUSY', 'retry'],
  [reply('NOSCRIPT No matching script. Please use EVAL.'), 'NOSCRIPT', 'retry'],
  [reply("OOM command not allowed when used memory > 'maxmemory'."), 'OOM', 'configuration'],
  [reply('MISCONF Redis is configured to save RDB snapshots'), 'MISCONF', 'configuration'],
  [reply('NOREPLICAS Not enough good replicas to write.'), 'NOREPLICAS', 'configuration'],
  [reply('NOAUTH Authentication required.'), 'NOAUTH', 'configuration'],
  [reply('WRONGPASS invalid username-password pair'), 'WRONGPASS', 'configuration'],
  [reply("NOPERM this user has no permissions to run the 'getex' command"), 'NOPERM', 'configuration'],
  [
    reply("ERR ACL failure in script: User app has no permissions to run the 'zadd' command script: a1"),
    'NOPERM',
    'configuration',
  ],
  [
    reply("ERR The user executing the script can't run this command or subcommand script: a1"),
    'NOPERM',
    'configuration',
  ],
  [reply('WRONGTYPE Operation against a key holding the wrong kind of value'), 'WRONGTYPE', 'configuration'],
  [reply("ERR unknown command 'GETEX'"), 'ERR', 'configuration'],
  [reply('ERR max number of clients reached'), 'ERR', 'configuration'],
  [reply('NEWERROR of a later Redis'), 'ERR', 'configuration'],
  [new Error('Command timed out'), 'TIMEOUT', 'none'],
  [new Error('Connection is closed.'), 'DISCONNECTED', 'reconnect'],
  [new Error("Stream isn't writeable and enableOfflineQueue options is false"), 'DISCONNECTED', 'reconnect'],
  [new Error("Cluster isn't ready and enableOfflineQueue options is false"), 'DISCONNECTED', 'reconnect'],
  [new Error('Cluster is ended.'), 'DISCONNECTED', 'reconnect'],
  [new Error('None of startup nodes is available'), 'DISCONNECTED', 'reconnect'],
  [new Error('Failed to refresh slots cache.'), 'DISCONNECTED', 'reconnect'],
  [
    Object.assign(new Error('Failed to refresh slots cache.'), {
      lastNodeError: reply('NOAUTH Authentication required.'),
    }),
    'NOAUTH',
    'configuration',
  ],
  [new Error('Reached the max retries per request limit (which is 0).'), 'DISCONNECTED', 'reconnect'],
  [
    new Error('All sentinels are unreachable. Retrying from scratch after 10ms.'),
    'DISCONNECTED',
    'reconnect',
  ],
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENOTFOUND',
    'EAI_AGAIN',
  ].map((code) => [network(code), 'DISCONNECTED', 'reconnect'] as const),
  [network('CERT_HAS_EXPIRED'), 'TLS', 'configuration'],
  [network('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'TLS', 'configuration'],
  [network('ERR_TLS_CERT_ALTNAME_INVALID'), 'TLS', 'configuration'],
  [new TypeError('x is not a function'), 'UNKNOWN', 'none'],
]

describe('redisError (case 72)', () => {
  it.each(table)('sorts %s in as %s', (error, code, remedy) => {
    expect(redisError(error)).toMatchObject({ code, remedy, name: `RedisError.${code}` })
    expect(JSON.stringify(redisError(error))).not.toContain('secret')
    expect(redisError(error).cause).toBeUndefined()
  })

  it('is answered 503 with Retry-After by frameworks, and shows visitors nothing', () => {
    const error = redisError(reply('NOAUTH Authentication required.'))
    expect(error).toMatchObject({ status: 503, expose: false, headers: { 'retry-after': '5' } })
    expect(Object.keys(error)).not.toContain('headers')
  })

  it.each([
    [
      network('ECONNREFUSED'),
      'ECONNREFUSED',
      'Redis cannot be reached: nothing listens at its address (ECONNREFUSED).',
    ],
    [network('ENOTFOUND'), 'ENOTFOUND', 'Redis cannot be reached: its host name is unknown (ENOTFOUND).'],
    [network('ENETDOWN'), 'ENETDOWN', 'Redis cannot be reached: the network fails (ENETDOWN).'],
    [
      new Error('Socket timeout. Expecting data'),
      'SILENT',
      'Redis cannot be reached: it has stopped answering (SILENT).',
    ],
    [new Error('Connection is closed.'), undefined, 'Redis cannot be reached.'],
    [
      Object.assign(new Error('None of startup nodes is available'), { lastNodeError: network('ETIMEDOUT') }),
      'ETIMEDOUT',
      'Redis cannot be reached: its address does not answer (ETIMEDOUT).',
    ],
    [
      reply("NOPERM this user has no permissions to run the 'getex' command"),
      'getex',
      expect.stringMatching(/^The Redis user lacks a right: it may not run getex\. The README lists/),
    ],
    [
      reply(
        "ERR ACL failure in script: User app has no permissions to run the 'client|list' command script: a1",
      ),
      'client|list',
      expect.stringContaining('it may not run client|list.'),
    ],
    [
      reply('NOPERM No permissions to access a key'),
      undefined,
      expect.stringMatching(/lacks a right\. The README/),
    ],
  ])('%s: names the reason %s, and nothing else of it', (error, reason, message) => {
    const { reason: told, message: text } = redisError(error)
    expect([told, text]).toEqual([reason, message])
    expect(text).not.toContain('127.0.0.1')
  })

  it('reads past a write alone where the server still reads', () => {
    const codes = table.map(([, code]) => code)
    const refusing = [...new Set(codes)].filter((code) => refusesWrites(new RedisError(code)))
    expect(refusing).toEqual(['READONLY', 'OOM', 'MISCONF', 'NOREPLICAS'])
  })
})

describe('FaultLog', () => {
  it('says each thing once a minute, and louder what somebody must mend', () => {
    const log = new KeptLog()
    let now = 0
    const faults = new FaultLog(log, () => now)
    for (now = 0; now < 120; now += 1) {
      faults.note(new RedisError('NOAUTH'))
      faults.note(new RedisError('TIMEOUT'))
    }
    expect(log.lines.map((line) => line.split(' ')[0])).toEqual(['error', 'warn', 'error', 'warn'])
  })
})
