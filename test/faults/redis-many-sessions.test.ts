import { randomBytes } from 'node:crypto'
import { latchkey, oauth2 } from '@latchkey/express'
import { redisStore } from '@latchkey/redis'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { patient } from '../../packages/redis/src/store-options.fixture.ts'
import { redisOfTest } from '../integration/apps.fixture.ts'
import { quiet } from '../quiet-log.ts'
import { redisIsMissing } from '../redis-server.ts'

const sessions = 400
const atOnce = 20
/** Fewer than there are sessions, and more than are ended at once. */
const maxPending = 100
const user = { provider: 'forum', id: 'ada' } as const

async function appWithManySessions() {
  const redis = await redisOfTest()
  const client = new Redis(redis.port, { lazyConnect: true })
  const store = redisStore(client, { ...patient, logger: quiet, maxPending })
  const forum = oauth2({
    id: 'forum',
    clientId: 'app',
    clientSecret: 'secret',
    authorizationEndpoint: 'https://forum.example/authorize',
    tokenEndpoint: 'https://forum.example/token',
    userinfo: 'https://forum.example/me',
    resourceOrigins: ['https://forum.example'],
  })
  const secret = randomBytes(32).toString('base64url')
  const auth = latchkey({ baseUrl: 'https://app.example', secret, providers: [forum], store, logger: quiet })
  onTestFinished(() => auth.close())
  for (let made = 0; made < sessions; made += atOnce) {
    await Promise.all(
      Array.from({ length: atOnce }, () => auth.createSession({ provider: 'forum', user: { id: user.id } })),
    )
  }
  return { auth, store }
}

type App = Awaited<ReturnType<typeof appWithManySessions>>

const ends: Readonly<Record<string, (app: App) => Promise<unknown>>> = {
  'auth.user(id).logout()': async ({ auth }) => (await auth.user('forum:ada'))?.logout(),
  'auth.endSessions()': ({ auth }) => auth.endSessions(user),
}

describe.skipIf(redisIsMissing)('a user with more sessions than commands may wait', () => {
  it.each(Object.keys(ends))('%s ends them all, and everybody else is served', async (name) => {
    const app = await appWithManySessions()
    let isDone = false
    const others = (async () => {
      let asked = 0
      for (; !isDone; asked += 1) await app.store.sessions.peek('somebody else')
      return asked
    })()
    await ends[name]?.(app)
    isDone = true
    expect(await others).toBeGreaterThan(0)
    expect(await app.auth.user('forum:ada')).toBeUndefined()
    expect(await app.auth.endSessions(user)).toBe(0)
  })
})
