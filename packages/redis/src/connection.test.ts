import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../../../test/free-port.ts'
import { redisIsMissing, startRedis } from '../../../test/redis-server.ts'
import { Connection } from './connection.ts'
import type { RedisError } from './errors.ts'
import { type RedisStoreOptions, redisSettings } from './options.ts'
import { clientOf } from './redis-clients.fixture.ts'
import { KeptLog } from './store-options.fixture.ts'
import type { Wire } from './wire.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A server and a connection to it; nothing was asked yet. */
async function fixture(options: RedisStoreOptions = {}) {
  const server = await startRedis()
  const template = clientOf(server, { lazyConnect: true })
  const admin = clientOf(server)
  const log = new KeptLog()
  const open = (): Connection => {
    const connection = new Connection(template, redisSettings({ logger: log, ...options }))
    cleanups.push(() => connection.close())
    return connection
  }
  cleanups.push(
    async () => server.close(),
    async () => admin.disconnect(),
  )
  return { server, template, admin, log, open }
}

const set = (key: string) => (wire: Wire) => wire.command('set', key, 'value', 'PX', 60_000)
const ping = (wire: Wire): Promise<unknown> => wire.command('ping')

/** Waits until Redis answers, however busy the machine is. */
function answered(connection: Connection): Promise<void> {
  return expect.poll(() => connection.ask(ping).catch(() => 'away')).toEqual(Buffer.from('PONG'))
}

/** Of the server's. */
async function connectionId(connection: Connection): Promise<number> {
  return Number(await connection.ask((wire) => wire.command('client', 'id')))
}

function failure(promise: Promise<unknown>): Promise<RedisError> {
  return promise.then(
    () => expect.fail('it was answered'),
    (error) => error,
  )
}

/** What comes of a promise before anything else happens in the process. */
function atOnce(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([failure(promise), new Promise((resolve) => setImmediate(resolve, 'it waits'))])
}

describe.skipIf(redisIsMissing)('Connection', () => {
  it('lets the first questions wait for the first connection', async () => {
    const { server, open } = await fixture({ requestTimeoutMs: 60_000 })
    await server.kill()
    const asked = open().ask(ping)
    await server.start()
    expect(String(await asked)).toBe('PONG')
  })

  it('fails at the deadline, and once Redis has been away for long, at once', async () => {
    const { server, open, log } = await fixture({ commandTimeoutMs: 50, requestTimeoutMs: 50 })
    await server.kill()
    const connection = open()
    expect(await failure(connection.ask(ping))).toMatchObject({ code: 'DISCONNECTED' })
    await expect.poll(() => atOnce(connection.ask(ping))).toMatchObject({ code: 'DISCONNECTED' })
    expect(log.lines.filter((line) => line.includes('DISCONNECTED'))).toEqual([
      expect.stringContaining('nothing listens at its address (ECONNREFUSED)'),
    ])
    await server.start()
    await answered(connection)
    expect(log.lines).toContainEqual(expect.stringMatching(/^info Redis is back/))
  })

  it('fails at once also while no Sentinel has ever been reached', async () => {
    const { template } = await fixture()
    const sentinels = [{ host: '127.0.0.1', port: await freePort() }]
    const settings = redisSettings({ logger: new KeptLog(), commandTimeoutMs: 50, requestTimeoutMs: 50 })
    const connection = new Connection(template.duplicate({ sentinels, name: 'primary' }), settings)
    cleanups.push(() => connection.close())
    expect(await failure(connection.ask(ping))).toMatchObject({ code: 'DISCONNECTED' })
    await expect.poll(() => atOnce(connection.ask(ping))).toMatchObject({ code: 'DISCONNECTED' })
  })

  it('puts a question again when its connection breaks', async () => {
    const { admin, open } = await fixture({ commandTimeoutMs: 60_000, requestTimeoutMs: 60_000 })
    const connection = open()
    await connection.ask(ping)
    await admin.client('PAUSE', 60_000, 'WRITE')
    const asked = connection.ask(set('key'))
    await expect.poll(() => admin.client('LIST')).toMatch(/cmd=set/)
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await expect.poll(() => admin.client('LIST')).toMatch(/cmd=set/)
    await admin.client('UNPAUSE')
    expect(String(await asked)).toBe('OK')
  })

  it('takes silence for an unknown outcome, and does not ask again', async () => {
    const { admin, open } = await fixture({ commandTimeoutMs: 100, requestTimeoutMs: 60_000 })
    const connection = open()
    await answered(connection)
    await admin.client('PAUSE', 60_000, 'WRITE')
    expect(await failure(connection.ask(set('key')))).toMatchObject({ code: 'TIMEOUT', remedy: 'none' })
    await admin.client('UNPAUSE')
  })

  it('sends nothing late that was asked while Redis was away (case 71)', async () => {
    const { server, admin, open } = await fixture({ commandTimeoutMs: 50, requestTimeoutMs: 50 })
    const connection = open()
    await answered(connection)
    server.pause()
    await expect.poll(() => failure(connection.ask(ping))).toMatchObject({ code: 'DISCONNECTED' })
    const late = Array.from({ length: 100 }, (_, index) => failure(connection.ask(set(`late-${index}`))))
    await Promise.all(late)
    server.resume()
    await expect.poll(() => connection.ask(set('after')).catch(() => 'away')).toEqual(Buffer.from('OK'))
    expect(await admin.keys('*')).toEqual(['after'])
  })

  it('never sends again what was given up and went down with its connection', async () => {
    const { admin, open } = await fixture({ commandTimeoutMs: 200, requestTimeoutMs: 60_000 })
    const connection = open()
    const before = await connectionId(connection)
    await admin.client('PAUSE', 60_000, 'WRITE')
    expect(await failure(connection.ask(set('given-up')))).toMatchObject({ code: 'TIMEOUT' })
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await expect.poll(() => connectionId(connection)).not.toBe(before)
    await admin.client('UNPAUSE')
    await connection.ask(set('after'))
    expect(await admin.keys('*')).toEqual(['after'])
  })

  it('fails further questions at once when too many wait', async () => {
    const { server, open, log } = await fixture({
      maxPending: 2,
      commandTimeoutMs: 200,
      requestTimeoutMs: 200,
    })
    const connection = open()
    await answered(connection)
    server.pause()
    const waiting = [failure(connection.ask(ping)), failure(connection.ask(ping))]
    expect(await atOnce(connection.ask(ping))).toMatchObject({ code: 'OVERLOADED' })
    await Promise.all(waiting)
    server.resume()
    await answered(connection)
    expect(log.lines.filter((line) => line.includes('OVERLOADED'))).toHaveLength(1)
  })

  it('finds the new primary after a failover: what was refused is put again over a new connection', async () => {
    const { admin, open } = await fixture({ requestTimeoutMs: 60_000 })
    const connection = open()
    const before = await connectionId(connection)
    await admin.replicaof('127.0.0.1', 1)
    const asked = connection.ask(set('key'))
    await expect.poll(() => connectionId(connection)).not.toBe(before)
    await admin.replicaof('NO', 'ONE')
    expect(String(await asked)).toBe('OK')
  })

  it('closes its own connection alone, and answers nobody after that', async () => {
    const { template, admin, server, open } = await fixture({ requestTimeoutMs: 60_000 })
    const connection = open()
    await template.ping()
    await connection.ask(ping)
    const asked = connection.ask(ping)
    await Promise.all([connection.close(), connection.close()])
    expect(String(await asked)).toBe('PONG')
    expect(await failure(connection.ask(ping))).toMatchObject({ code: 'CLOSED' })
    expect(await template.ping()).toBe('PONG')
    await expect
      .poll(
        async () =>
          String(await admin.client('LIST'))
            .trim()
            .split('\n').length,
      )
      .toBe(2)
    const waiting = open()
    await server.kill()
    const unanswered = failure(waiting.ask(ping))
    await waiting.close()
    expect(await unanswered).toMatchObject({ code: expect.stringMatching(/CLOSED|DISCONNECTED/) })
    template.disconnect()
  })

  it('writes nothing into another database where there is none of its number', async () => {
    const { server, admin } = await fixture()
    const template = clientOf(server, { lazyConnect: true, db: 99 })
    const log = new KeptLog()
    const connection = new Connection(template, redisSettings({ logger: log }))
    cleanups.push(() => connection.close())
    expect(await failure(connection.ask(set('key')))).toMatchObject({ code: 'NODB' })
    expect(await atOnce(connection.ask(set('key')))).toMatchObject({ code: 'NODB' })
    expect(await admin.dbsize()).toBe(0)
    expect(log.lines.join()).toContain('Redis has no database of this number')
  })

  it('leaves no key and no value in an error', async () => {
    const { admin, open } = await fixture()
    await admin.lpush('secret-key', 'x')
    const error = await failure(open().ask((wire) => wire.command('getset', 'secret-key', 'secret-value')))
    expect(error).toMatchObject({ code: 'WRONGTYPE' })
    const seen = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }) + JSON.stringify(error)
    expect(seen).not.toMatch(/secret-(key|value)/)
  })
})
