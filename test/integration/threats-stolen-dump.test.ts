import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exbo, type LoginDetails, latchkey, spotify } from '@latchkey/express'
import { redisStore } from '@latchkey/redis'
import { type Emulators, startEmulators, type UserAgent } from '@latchkey/testing'
import express from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort, RedisServer } from '../../packages/redis/src/redis-server.fixture.ts'
import { patient } from '../../packages/redis/src/store-options.fixture.ts'

const people = Array.from({ length: 12 }, (_, index) => ({
  id: `secret-person-${index}`,
  name: `Secretname${index} Person`,
  email: `secretmail${index}@person.example`,
}))
const claims = /secret-?(person|name|mail|user)|person\.example/i

/** What a thief may get hold of. */
interface Loot {
  readonly commands: Buffer
  readonly keys: Buffer
  readonly dumps: Buffer
  readonly files: Buffer
}

let server: RedisServer
let emulators: Emulators
let loot: Loot
let refreshes = 0

beforeAll(async () => {
  server = await RedisServer.start(
    '--appendonly',
    'yes',
    '--rdbcompression',
    'no',
    '--aof-use-rdb-preamble',
    'no',
  )
  emulators = await startEmulators({ users: people })
  const commands = await watchCommands()
  const app = await startApp()
  for (const [index, { name }] of people.entries()) await live(app.origin, name, index)
  await emulators.clock.advance(3600)
  await Promise.all(app.browsers.map((browser) => browser.get(`${app.origin}/use`)))
  await app.close()
  loot = { commands: await commands(), ...(await contents()) }
})
afterAll(async () => {
  await emulators.close()
  await server.stop()
})

/** A whole life in the app: signed in, data left in the session, tokens used; every third signs out again. */
async function live(origin: string, name: string, index: number): Promise<void> {
  const browser = emulators.browser()
  const provider = index % 2 === 0 ? 'spotify' : 'exbo'
  await browser.signIn(`${origin}/login/${provider}`, { as: name })
  expect((await browser.get(`${origin}/use`)).status).toBe(200)
  remember(browser)
  if (index % 3 === 0) await browser.post(`${origin}/logout`)
  else signedIn.push(browser)
}

const signedIn: UserAgent[] = []

/** The cookies are secrets as well: the sign-in secret, and the id of the app session. */
function remember(browser: UserAgent): void {
  for (const { name, value } of browser.cookies.all) {
    const [first = '', second = ''] = decodeURIComponent(value).replace(/^s:/, '').split('.')
    emulators.marks.add(`cookie ${name}`, value)
    emulators.marks.add(`secret of ${name}`, name.includes('app') ? first : second)
  }
}

async function startApp() {
  const template = server.client({ lazyConnect: true })
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const auth = latchkey({
    baseUrl: origin,
    secret: randomBytes(32).toString('base64url'),
    providers: [spotify(client('spotify')), exbo({ ...client('exbo'), keepAccounts: true })],
    dispatcher: emulators.dispatcher,
    clock: emulators.clock,
    store: redisStore(template, patient),
    onLogin: (login: LoginDetails) => `secret-user-of-${login.user.id}`,
  })
  auth.events.on('refresh', () => {
    refreshes += 1
  })
  const app = express().use(auth)
  app.get('/use', auth.requireLogin(), async (req, res) => {
    await req.oauth.accessToken()
    Reflect.set(req.session, 'visits', Number(Reflect.get(req.session, 'visits') ?? 0) + 1)
    res.send('used')
  })
  app.use(auth.errorHandler)
  const listener = app.listen(port, '127.0.0.1')
  return {
    origin,
    browsers: signedIn,
    close: async () => {
      listener.close()
      await auth.close()
    },
  }
}

function client(provider: string): { clientId: string; clientSecret: string } {
  return { clientId: `${provider}-app`, clientSecret: emulators.marks.mint('client_secret') }
}

/** Everything that is sent to Redis from now on, as MONITOR shows it to whoever may ask. */
async function watchCommands(): Promise<() => Promise<Buffer>> {
  const monitor = await server.client({ protocol: 2 }).monitor()
  const seen: string[] = []
  const end = new Promise<void>((resolve) => {
    monitor.on('monitor', (_time: string, args: readonly string[]) => {
      seen.push(args.join(' '))
      if (args[1] === 'the end') resolve()
    })
  })
  return async () => {
    const admin = server.client()
    await admin.ping('the end')
    await end
    admin.disconnect()
    monitor.disconnect()
    return Buffer.from(seen.join('\n'))
  }
}

async function contents(): Promise<Omit<Loot, 'commands'>> {
  const admin = server.client()
  const keys = await admin.keys('*')
  const dumps = await Promise.all(keys.map((key) => admin.dumpBuffer(key)))
  await admin.save()
  admin.disconnect()
  const files = readdirSync(server.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
  return {
    keys: Buffer.from(keys.join('\n')),
    dumps: Buffer.concat(dumps.map((dump) => dump ?? Buffer.alloc(0))),
    files: Buffer.concat(files),
  }
}

describe('a stolen copy of Redis (case 44)', () => {
  it('is one of an app in use', () => {
    expect(emulators.marks.size).toBeGreaterThan(50)
    expect(refreshes).toBeGreaterThan(0)
    for (const part of [loot.commands, loot.keys, loot.files]) expect(part.includes('lk:{')).toBe(true)
    expect(loot.dumps.length).toBeGreaterThan(5_000)
  })

  it.each(['commands', 'keys', 'dumps', 'files'] as const)(
    'shows no secret and no claim in its %s',
    (part) => {
      expect(emulators.marks.findIn(loot[part])).toEqual([])
      expect(claims.exec(loot[part].toString('latin1'))?.[0]).toBeUndefined()
    },
  )
})
