import { exbo, latchkey } from '@latchkey/express'
import { redisStore } from '@latchkey/redis'
import { Redis } from 'ioredis'

// One process of an app that uses EXBO in its own name. It says that it is up, waits for the word, calls at once as often as
// it is told, and says how that went.

/** What the test tells it. */
export interface CallerSetup {
  readonly redisUrl: string
  readonly secret: string
  readonly overrides: Parameters<typeof exbo>[0]
  readonly url: string
  readonly calls: number
}

/** What it answers. */
export interface CallerOutcome {
  readonly statuses: readonly number[]
  readonly failures: readonly string[]
  /** `x-ratelimit-limit` of the first answer. */
  readonly rateLimit: string | null
}

process.on('message', async (message: CallerSetup | 'go') => {
  if (message === 'go') return
  const { redisUrl, secret, overrides, url, calls } = message
  const auth = latchkey({
    baseUrl: 'http://127.0.0.1:3000',
    secret,
    providers: [exbo(overrides)],
    store: redisStore(new Redis(redisUrl)),
    session: false,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  })
  const access = auth.application('exbo')
  const mayGo = new Promise<void>((resolve) => {
    process.on('message', (next) => {
      if (next === 'go') resolve()
    })
  })
  process.send?.('up')
  await mayGo
  const replies = await Promise.allSettled(Array.from({ length: calls }, () => access.fetch(url)))
  const answered = replies.flatMap((reply) => (reply.status === 'fulfilled' ? [reply.value] : []))
  const outcome: CallerOutcome = {
    statuses: answered.map(({ status }) => status),
    failures: replies.flatMap((reply) => (reply.status === 'rejected' ? [String(reply.reason)] : [])),
    rateLimit: answered[0]?.headers.get('x-ratelimit-limit') ?? null,
  }
  await Promise.all(answered.map((reply) => reply.text()))
  await auth.close()
  process.send?.(outcome, () => process.exit(0))
})
