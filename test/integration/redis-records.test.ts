import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { patient } from '../../packages/redis/src/store-options.fixture.ts'
import { type RedisServer, redisIsMissing } from '../redis-server.ts'
import { appsOfTest, redisOfTest } from './apps.fixture.ts'
import type { Apps } from './apps.ts'
import { people } from './fleet.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'

/** Signs in; it has every record open. */
const warm = 0
/** Meets what was changed, and has never opened the original. */
const cold = 1

interface Person {
  readonly userId: string
  readonly cookie: string
  readonly session: string
  readonly grant: string
}

type Kind = 'session' | 'grant'

async function start(count: number) {
  const redis = await redisOfTest()
  const apps = await appsOfTest({
    count: 2,
    store: { kind: 'single', port: redis.port },
    storeOptions: patient,
    server: { users: people(count), policy: { rotate: true, reuseKillsFamily: true } },
  })
  const signedIn: Person[] = []
  for (const { id: userId } of people(count)) {
    const cookie = await apps.signIn(userId, warm)
    const [, locator = ''] = /=([^.]+)\./.exec(cookie) ?? []
    const [grant = ''] = await redis.with((client) => client.keys(`lk:{${locator}}:g:*`))
    signedIn.push({ userId, cookie, session: `lk:{${locator}}:s`, grant })
  }
  return { redis, apps, people: signedIn }
}

/** Puts other bytes in the place of a record; its time to live stays. */
async function put(client: Redis, key: string, value: Buffer): Promise<void> {
  expect(await client.set(key, value, 'KEEPTTL')).toBe('OK')
}

/**
 * The cold process is asked while the record holds these bytes: nobody or 503-keep, no cookie goes, no token is sent and
 * the record stays. Then the original is back, and the warm process serves it.
 */
async function expectClosed(
  { redis, apps }: { readonly redis: RedisServer; readonly apps: Apps },
  { cookie, ...keys }: Person,
  kind: Kind,
  what: readonly (readonly [string, (original: Buffer) => Buffer])[],
): Promise<Readonly<Record<number, number>>> {
  const { as, rs } = apps.servers
  const statuses: Record<number, number> = {}
  await redis.with(async (client) => {
    const original = await client.getBuffer(keys[kind])
    if (original === null) throw new Error('There is no record.')
    for (const [name, tamper] of what) {
      const tampered = tamper(Buffer.from(original))
      await put(client, keys[kind], tampered)
      const [sent, called] = [as.calls.token, rs.calls.resource]
      const reply = await apps.get(cold, '/me', cookie)
      const text = await reply.text()
      expect([name, [401, 503].includes(reply.status)]).toEqual([name, true])
      expect([name, reply.headers.getSetCookie()]).toEqual([name, []])
      expect([name, as.marks.findIn(text), as.calls.token, rs.calls.resource]).toEqual([
        name,
        [],
        sent,
        called,
      ])
      expect([name, tampered.equals((await client.getBuffer(keys[kind])) ?? Buffer.alloc(0))]).toEqual([
        name,
        true,
      ])
      expect(await client.pttl(keys[kind])).toBeGreaterThan(0)
      statuses[reply.status] = (statuses[reply.status] ?? 0) + 1
    }
    await put(client, keys[kind], original)
  })
  expect((await apps.get(warm, '/me', cookie)).status).toBe(200)
  expect((await apps.get(cold, '/me', cookie)).status).toBe(200)
  return statuses
}

const flip = (at: number) => (value: Buffer) => {
  value[at] = (value[at] ?? 0) ^ 1
  return value
}

const shapes: readonly (readonly [string, Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['a zero byte', Buffer.of(0)],
  ['a length and no more', Buffer.of(255)],
  ['null', Buffer.from('null')],
  ['{}', Buffer.from('{}')],
  ['broken JSON', Buffer.from('{"user":')],
  ['__proto__', Buffer.from('{"__proto__":{"isAuthenticated":true}}')],
  ['an error', Buffer.from('ERR something')],
  ['random bytes', randomBytes(400)],
  ['a megabyte', randomBytes(1_000_000)],
]

describe.skipIf(redisIsMissing)('records that somebody has changed in Redis', () => {
  const kinds = ['session', 'grant'] as const

  it.each(kinds)(
    'case 45: a %s with any byte flipped, or cut off anywhere, is closed, and stays where it is',
    async (kind) => {
      const rig = await start(countOf({ everyday: 1, full: 50 }))
      const stride = countOf({ everyday: 7, full: 1 })
      const seen: Record<string, number> = {}
      for (const person of rig.people) {
        const length = await rig.redis.with((client) => client.strlen(person[kind]))
        const places = Array.from({ length: Math.ceil(length / stride) }, (_, index) => index * stride)
        const flips = places.map((at) => [`byte ${at} flipped`, flip(at)] as const)
        const cuts = places.map((at) => [`cut at ${at}`, (value: Buffer) => value.subarray(0, at)] as const)
        const longer = ['one byte more', (value: Buffer) => Buffer.concat([value, Buffer.of(0)])] as const
        const statuses = await expectClosed(rig, person, kind, [...flips, ...cuts, longer])
        for (const [status, count] of Object.entries(statuses)) seen[status] = (seen[status] ?? 0) + count
      }
      console.log(`case 45: a ${kind} changed at every place: ${JSON.stringify(seen)}, 0 deleted`)
      expect(rig.apps.at(cold).events('vault.corrupt').length).toBeGreaterThan(0)
    },
    countTimeoutMs,
  )

  it.each(kinds)('case 45: another user’s %s does not open in one’s own place', async (kind) => {
    const rig = await start(2)
    const [ada, grace] = rig.people
    if (ada === undefined || grace === undefined) throw new Error('There are two.')
    const others = await rig.redis.with((client) => client.getBuffer(grace[kind]))
    const other = await rig.redis.with((client) =>
      client.getBuffer(ada[kind === 'grant' ? 'session' : 'grant']),
    )
    await expectClosed(rig, ada, kind, [
      ['another user’s', () => others ?? Buffer.alloc(0)],
      ['one of another kind', () => other ?? Buffer.alloc(0)],
    ])
  })

  it('case 45: an older grant does not open under the newer version; a whole older one is a spent token at worst', async () => {
    const rig = await start(1)
    const { redis, apps, people: signedIn } = rig
    const [ada] = signedIn
    if (ada === undefined) throw new Error('There is one.')
    const older = (await redis.with((client) => client.getBuffer(ada.grant))) ?? Buffer.alloc(0)
    await apps.expire()
    expect((await apps.get(warm, '/me', ada.cookie)).status).toBe(200)
    const sealedAt = 1 + (older[0] ?? 0)
    await expectClosed(rig, ada, 'grant', [
      [
        'older under newer',
        (newer) => Buffer.concat([newer.subarray(0, sealedAt), older.subarray(sealedAt)]),
      ],
      [
        'newer under older',
        (newer) => Buffer.concat([older.subarray(0, sealedAt), newer.subarray(sealedAt)]),
      ],
    ])
    // The residual risk: its refresh token was spent, which ends the grant. The session goes on.
    await redis.with((client) => put(client, ada.grant, older))
    await apps.expire()
    expect((await apps.get(cold, '/me', ada.cookie)).status).toBe(401)
    expect((await apps.get(cold, '/whoami', ada.cookie)).status).toBe(200)
  })

  it.each(kinds)(
    'case 50: what is no record of ours in the place of a %s is closed, and stays',
    async (kind) => {
      const rig = await start(1)
      const [ada] = rig.people
      if (ada === undefined) throw new Error('There is one.')
      await expectClosed(
        rig,
        ada,
        kind,
        shapes.map(([name, value]) => [name, () => value] as const),
      )
    },
  )

  it('case 50: a key of another type is 503-keep, and the log says so', async () => {
    const { redis, apps, people: signedIn } = await start(1)
    const [ada] = signedIn
    if (ada === undefined) throw new Error('There is one.')
    for (const kind of kinds) {
      await redis.with(async (client) => {
        const [original, ttl] = [await client.getBuffer(ada[kind]), await client.pttl(ada[kind])]
        await client.del(ada[kind])
        await client.rpush(ada[kind], 'a list')
        await client.pexpire(ada[kind], ttl)
        const reply = await apps.get(cold, '/me', ada.cookie)
        expect([reply.status, reply.headers.get('retry-after'), reply.headers.getSetCookie()]).toEqual([
          503,
          '5',
          [],
        ])
        expect(await client.type(ada[kind])).toBe('list')
        await client.del(ada[kind])
        await client.set(ada[kind], original ?? '', 'PX', ttl)
      })
      expect((await apps.get(cold, '/me', ada.cookie)).status).toBe(200)
    }
    expect(apps.at(cold).output).toContain('WRONGTYPE')
  })
})
