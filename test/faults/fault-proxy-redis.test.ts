import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type FaultProxy, startFaultProxy } from '../fault-proxy.ts'
import { RedisFrames } from '../redis-frames.ts'
import { type RedisServer, redisIsMissing, startRedis } from '../redis-server.ts'

interface Proxied {
  readonly server: RedisServer
  readonly proxy: FaultProxy
  readonly client: Redis
}

async function startProxied(protocol: 'RESP2' | 'RESP3' = 'RESP2'): Promise<Proxied> {
  const server = await startRedis()
  onTestFinished(() => server.close())
  const proxy = await startFaultProxy({ port: server.port, protocol: 'redis' })
  onTestFinished(() => proxy.close())
  const client = new Redis({
    port: proxy.port,
    host: '127.0.0.1',
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 10,
  })
  onTestFinished(() => client.disconnect())
  client.on('error', () => {})
  if (protocol === 'RESP3') await client.call('HELLO', 3)
  return { server, proxy, client }
}

const outcomes = async (answers: readonly Promise<unknown>[]): Promise<readonly string[]> =>
  (await Promise.allSettled(answers)).map(({ status }) => status)

describe.skipIf(redisIsMissing)('a fault proxy before Redis', () => {
  it('drops exactly the answer of one pipelined command; those before it arrive', async () => {
    const { server, proxy, client } = await startProxied()
    await client.set('text', 'x'.repeat(100_000))
    const dropped = proxy.dropReply({ of: 'incr', nth: 2 })
    const answers = [
      client.incr('a'),
      client.get('text'),
      client.mget('a', 'b'),
      client.incr('a'),
      client.get('a'),
    ]
    expect(await outcomes(answers)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'])
    await dropped
    expect(await server.command('GET', 'a')).toBe('2')
    expect(await client.get('a')).toBe('2')
    expect(proxy.acceptedAt).toHaveLength(2)
  })

  it('stalls in a partition, and everything arrives when it heals', async () => {
    const { server, proxy, client } = await startProxied()
    await client.set('a', '1')
    proxy.set('toClient', { stall: true })
    const answer = client.incr('a')
    await expect.poll(() => server.command('GET', 'a')).toBe('2')
    await proxy.heal()
    expect(await answer).toBe(2)
    expect(proxy.acceptedAt).toHaveLength(1)
  })

  it('counts every try of a client to come back', async () => {
    const { proxy, client } = await startProxied()
    await client.ping()
    proxy.set('toClient', { cutAfterBytes: 0 })
    await expect.poll(() => proxy.acceptedAt.length).toBeGreaterThan(5)
    await proxy.heal()
    await expect.poll(() => client.ping().catch(() => undefined)).toBe('PONG')
  })
})

describe('frames of Redis', () => {
  it.each([
    [
      'RESP2',
      [
        '+OK\r\n',
        ':1\r\n',
        '$-1\r\n',
        '$3\r\na\r\n\r\n',
        '*2\r\n$1\r\na\r\n*1\r\n:2\r\n',
        '*-1\r\n',
        '-ERR no\r\n',
      ],
    ],
    [
      'RESP3',
      [
        '%1\r\n+a\r\n*1\r\n:1\r\n',
        '_\r\n',
        '#t\r\n',
        ',1.5\r\n',
        '=5\r\ntxt:a\r\n',
        '~1\r\n:1\r\n',
        '>2\r\n+a\r\n+b\r\n',
        '|1\r\n+ttl\r\n:1\r\n$1\r\na\r\n',
        '(12345\r\n',
        '!3\r\nERR\r\n',
      ],
    ],
  ])('%s: are told apart, wherever the bytes are cut', (_, frames) => {
    const bytes = Buffer.from(frames.join(''))
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const reader = new RedisFrames()
      const found = [...reader.push(bytes.subarray(0, cut)), ...reader.push(bytes.subarray(cut))]
      expect(found.map(String)).toEqual(frames)
    }
  })
})
