import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exbo, type LoginDetails, latchkey, type RequestOAuth, spotify } from '@latchkey/express'
import { redisStore } from '@latchkey/redis'
import { type Emulators, startEmulators, type UserAgent } from '@latchkey/testing'
import express from 'express'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { patient } from '../../packages/redis/src/store-options.fixture.ts'
import { freePort } from '../free-port.ts'
import { contentsOf } from '../redis-contents.ts'
import { type RedisServer, redisIsMissing, startRedis, startReplica, until } from '../redis-server.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'

const signIns = countOf({ everyday: 24, full: 1_000 })
const atOnce = 20
const people = Array.from({ length: 24 }, (_, index) => ({
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
  /** AOF and RDB. */
  readonly files: Buffer
  readonly 'keys of the replica': Buffer
  readonly 'dumps of the replica': Buffer
  readonly 'files of the replica': Buffer
}

let server: RedisServer
let replica: RedisServer
let emulators: Emulators
let loot: Loot
let verifiers = 0
const seen = { refresh: 0, link: 0, login: 0 }

beforeAll(async () => {
  if (redisIsMissing) return
  const config = { 'aof-use-rdb-preamble': 'no' }
  server = await startRedis({ keeps: 'append-only file', config })
  replica = await startReplica(server, { keeps: 'append-only file', config })
  emulators = await startEmulators({ users: people })
  const commands = await watchCommands()
  const app = await startApp()
  for (let index = 0; index < signIns; index += 1) await live(app.origin, index)
  await emulators.clock.advance(3600)
  for (let done = 0; done < app.browsers.length; done += atOnce) {
    const some = app.browsers.slice(done, done + atOnce)
    await Promise.all(some.map((browser) => browser.get(`${app.origin}/use`)))
  }
  await app.close()
  verifiers = markVerifiers()
  loot = { commands: await commands(), ...(await contents()) }
}, countTimeoutMs)
afterAll(async () => {
  if (redisIsMissing) return
  await emulators.close()
  await replica.close()
  await server.close()
})

/** A whole life in the app: signed in, an account linked, data left, tokens used; every third signs out again. */
async function live(origin: string, index: number): Promise<void> {
  const name = people[index % people.length]?.name ?? ''
  const browser = emulators.browser()
  const provider = index % 2 === 0 ? 'spotify' : 'exbo'
  await browser.signIn(`${origin}/login/${provider}`, { as: name })
  expect((await browser.get(`${origin}/use`)).status).toBe(200)
  if (index % 4 === 0) await link(browser, origin, name)
  remember(browser)
  if (index % 3 === 0) await browser.post(`${origin}/logout`)
  else signedIn.push(browser)
}

/** Links the account of this person at EXBO. */
async function link(browser: UserAgent, origin: string, name: string): Promise<void> {
  remember(browser)
  const consent = await browser.submit(await browser.get(`${origin}/link`), { button: 'Continue to EXBO' })
  expect((await browser.submit(consent, { button: name })).status).toBe(200)
}

const signedIn: UserAgent[] = []

/** What the app has sent to prove that a login is its own; answers how many there were. */
function markVerifiers(): number {
  const requests = [emulators.spotify, emulators.exbo].flatMap(({ as }) => as.requests)
  const sent = requests.flatMap(({ form }) => form.get('code_verifier') ?? [])
  for (const verifier of sent) emulators.marks.add('code_verifier', verifier)
  return sent.length
}

/** The cookies are secrets as well: the sign-in secret, and the id of the app session. */
function remember(browser: UserAgent): void {
  for (const { name, value } of browser.cookies.all) {
    const [first = '', second = ''] = decodeURIComponent(value).replace(/^s:/, '').split('.')
    emulators.marks.add(`cookie ${name}`, value)
    emulators.marks.add(`secret of ${name}`, name.includes('app') ? first : second)
  }
}

async function startApp() {
  const template = new Redis({ host: '127.0.0.1', port: server.port, lazyConnect: true })
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
  for (const name of ['refresh', 'link', 'login'] as const)
    auth.events.on(name, () => {
      seen[name] += 1
    })
  const app = express().use(auth)
  app.get('/use', auth.requireLogin(), async (req, res) => {
    await req.oauth.accessToken()
    Reflect.set(req.session, 'visits', Number(Reflect.get(req.session, 'visits') ?? 0) + 1)
    res.send('used')
  })
  app.all('/link', async (req) => {
    const oauth = req.oauth as unknown as RequestOAuth // whatever ids another program registered
    await oauth.login({ provider: 'exbo', link: true, returnTo: '/use' })
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
  const monitor = await new Redis({ host: '127.0.0.1', port: server.port, protocol: 2 }).monitor()
  const lines: string[] = []
  const end = new Promise<void>((resolve) => {
    monitor.on('monitor', (_time: string, args: readonly string[]) => {
      lines.push(args.join(' '))
      if (args[1] === 'the end') resolve()
    })
  })
  return async () => {
    await server.command('PING', 'the end')
    await end
    monitor.disconnect()
    return Buffer.from(lines.join('\n'))
  }
}

async function contents(): Promise<Omit<Loot, 'commands'>> {
  const written = Number(await server.command('DBSIZE'))
  await until('the replica has everything', async () => Number(await replica.command('DBSIZE')) === written)
  const [own, copy] = [await stolenFrom(server), await stolenFrom(replica)]
  return {
    ...own,
    'keys of the replica': copy.keys,
    'dumps of the replica': copy.dumps,
    'files of the replica': copy.files,
  }
}

async function stolenFrom(from: RedisServer): Promise<Pick<Loot, 'keys' | 'dumps' | 'files'>> {
  const entries = await contentsOf(from)
  await from.command('SAVE')
  const files = readdirSync(from.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
  return {
    keys: Buffer.from(entries.map(({ key }) => key).join('\n')),
    dumps: Buffer.concat(entries.map(({ dump }) => dump)),
    files: Buffer.concat(files),
  }
}

describe.skipIf(redisIsMissing)('case 44: a stolen copy of Redis', () => {
  it('case 44: is one of an app in use', () => {
    console.log(`case 44: ${JSON.stringify(seen)}, ${emulators.marks.size} secrets`)
    expect(seen.login).toBe(signIns)
    expect(seen.link).toBeGreaterThan(signIns / 5)
    expect(seen.refresh).toBeGreaterThan(signIns / 5)
    expect(verifiers).toBeGreaterThan(signIns / 5)
    expect(emulators.marks.size).toBeGreaterThan(signIns * 4)
    for (const part of ['commands', 'keys', 'files', 'keys of the replica', 'files of the replica'] as const)
      expect([part, loot[part].includes('lk:{')]).toEqual([part, true])
    expect(loot.dumps.length).toBeGreaterThan(5_000)
    expect(loot['dumps of the replica'].length).toBe(loot.dumps.length)
  })

  it.each([
    'commands',
    'keys',
    'dumps',
    'files',
    'keys of the replica',
    'dumps of the replica',
    'files of the replica',
  ] as const)(
    'case 44: shows no secret and no claim in its %s',
    (part) => {
      expect(emulators.marks.findIn(loot[part])).toEqual([])
      expect(claims.exec(loot[part].toString('latin1'))?.[0]).toBeUndefined()
    },
    countTimeoutMs,
  )
})
