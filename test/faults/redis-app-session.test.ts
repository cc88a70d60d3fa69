import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { appSessionStore } from '@latchkey/redis/app-session-store'
import express from 'express'
import session from 'express-session'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { redisOfTest } from '../integration/apps.fixture.ts'
import { quiet } from '../quiet-log.ts'
import { redisIsMissing } from '../redis-server.ts'

/** An app with express-session of its own on this Redis, and no error handler but Express's. */
async function appOn(port: number): Promise<string> {
  const store = appSessionStore(new Redis(port, '127.0.0.1', { lazyConnect: true }), { logger: quiet })
  onTestFinished(() => store.close())
  const app = express()
  app.set('env', 'test')
  app.use(session({ store, secret: 'a secret of the test', resave: false, saveUninitialized: false }))
  app.get('/visit', (req, res) => {
    const data = req.session as { visits?: number } & typeof req.session
    data.visits = (data.visits ?? 0) + 1
    res.json(data.visits)
  })
  const server = app.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close().closeAllConnections())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on TCP
}

describe.skipIf(redisIsMissing)('case 72: express-session on appSessionStore() without Redis', () => {
  it('case 72: Express answers 503 with Retry-After and no cookie, and the session is there afterwards', async () => {
    const redis = await redisOfTest({ keeps: 'append-only file', config: { appendfsync: 'always' } })
    const origin = await appOn(redis.port)
    /** The answer with its body: express-session sends the headers before it has saved. */
    const visit = async (cookie: string) => {
      const reply = await fetch(`${origin}/visit`, { headers: { cookie } })
      return { reply, text: await reply.text() }
    }
    const cookie = (await visit('')).reply.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    await redis.kill()
    const { reply: refused } = await visit(cookie)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
    expect(refused.headers.getSetCookie()).toEqual([])
    await redis.start()
    await expect.poll(async () => (await visit(cookie)).text).toBe('2')
  })
})
